/**
 * The tag: subscribes visitors of a site, and keeps browser and server in agreement.
 * The loader (/tag/KEY.js) has left its config and the calls made so far in window.Tocsin.
 * Every call answers a promise; a rejection is an Error with one of the codes of SENTENCES.
 */
(function () {
  'use strict';

  /**
   * @typedef {object} Config  made by the server, see loader.js
   * @property {string} url     the server
   * @property {string} key     the container's public key
   * @property {string} vapid   its VAPID public key, base64url; may be stale
   * @property {string} worker  the path of the site's service worker
   * @property {string} [prompt] selector: a click on such an element subscribes
   */

  /**
   * @typedef {object} Attributes  all optional
   * @property {string} [language]     ISO 639-1 or BCP 47; else the browser's
   * @property {string} [remoteUserId] who this is in the site's own books
   * @property {object} [userData]     custom attributes, merged into those that the server has
   */

  /**
   * What this browser remembers of its subscription. It lies in IndexedDB, because page and worker
   * both need it and a worker cannot read localStorage.
   * @typedef {object} Memory
   * @property {string} url       the server
   * @property {string} key       the container's public key
   * @property {boolean} wanted   false after Tocsin.unsubscribe(): never repair against that will
   * @property {string} [id]      given by the server; absent until it has confirmed
   * @property {string} [secret]  proves to the server that a change comes from this browser
   * @property {string} [endpoint] the endpoint that the server knows, or may know by an import
   * @property {string} [timezone] the time zone that the server knows
   * @property {object} [pending] attributes that the server has not confirmed yet
   */

  const WIRE_NAMES = {
    language: 'language',
    remoteUserId: 'remote_user_id',
    userData: 'user_data',
  };

  const tocsin = window.Tocsin;
  /** @type {Config} */
  const config = tocsin.config;
  const container = navigator.serviceWorker;

  /** Every error that a site's developer can meet: its `code`, and what it says of the detail. */
  const SENTENCES = {
    options: (name) => `there is no option "${name}", only ${Object.keys(WIRE_NAMES).join(', ')}`,
    insecure: () => `push needs https; this page is ${location.origin}`,
    unsupported: () => 'this browser has no web push (a private window? On iPhone and iPad the site '
      + 'must first be added to the home screen)',
    denied: () => `notifications from ${location.origin} are blocked; only the visitor can allow `
      + "them again, in the browser's settings of this site",
    dismissed: () => 'the question was closed without an answer, or subscribe() was not called '
      + 'directly in a click handler',
    worker: (cause) => `${config.worker} cannot be the service worker (${cause.message}). Your site `
      + `must serve it as JavaScript with the line importScripts("${config.url}/tag/sw.js");`,
    'push-service': (cause) => "the browser's push service gave no subscription "
      + `(${cause.message}); it may be switched off in this browser, or out of reach`,
    network: () => `${config.url} cannot be reached; is ${location.origin} one of the container's `
      + 'origins?',
    server: (message) => `the server refused: ${message}`,
    'not-subscribed': () => 'there is no subscription that the server knows; call subscribe()',
  };

  function fault(code, detail) {
    const cause = detail instanceof Error ? detail : undefined;
    return Object.assign(new Error(`Tocsin: ${SENTENCES[code](detail)}`, { cause }), { code });
  }

  // ---- shared by tag.js and worker.js, word for word: a test compares them ----

  /** Resolves with the result of one request on the store, once it is on disk. */
  function stored(mode, request) {
    return new Promise((resolve, reject) => {
      const opening = indexedDB.open('tocsin', 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore('memory');
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const database = opening.result;
        const transaction = database.transaction('memory', mode);
        const asked = request(transaction.objectStore('memory'));
        transaction.oncomplete = () => resolve(asked.result);
        transaction.onabort = () => reject(transaction.error);
        database.close(); // takes effect when the transaction is over
      };
    });
  }

  /** @returns {Promise<Memory | undefined>} */
  const recall = () => stored('readonly', (store) => store.get('subscription'));

  /** @param {Memory} memory @returns {Promise<Memory>} */
  async function remember(memory) {
    await stored('readwrite', (store) => store.put(memory, 'subscription'));
    return memory;
  }

  /** One at a time, across all tabs of the site and its worker. */
  const alone = (work) => navigator.locks.request('tocsin', work);

  /** Asks the edge; resolves with the response, whatever its status. */
  async function ask(memory, method, path, body, secret) {
    const headers = {};
    if (body) headers['Content-Type'] = 'application/json';
    if (secret) headers.Authorization = `Bearer ${secret}`;
    try {
      return await fetch(`${memory.url}/v1/edge/${memory.key}/${path}`, {
        method,
        headers,
        body: body && JSON.stringify(body),
        credentials: 'omit',
        signal: AbortSignal.timeout?.(15000), // a hung request would hold the lock of `alone`
      });
    } catch (cause) {
      throw fault('network', cause);
    }
  }

  /** Resolves with a good answer's JSON; else rejects with the server's own sentence. */
  async function read(response) {
    if (response.ok) return response.json();
    const { message = `status ${response.status}` } = await response.json().catch(() => ({}));
    throw fault('server', message);
  }

  /** The VAPID public key that a subscription was made with, as base64url. */
  function vapidOf(subscription) {
    const bytes = new Uint8Array(subscription.options.applicationServerKey || []);
    return btoa(String.fromCharCode(...bytes))
      .replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
  }

  const timeZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

  /** Tells the server of a subscription, and remembers what it answers. */
  async function register(memory, subscription) {
    const { endpoint } = subscription;
    const moved = memory.endpoint && memory.endpoint !== endpoint;
    const timezone = timeZone();
    const { id, secret = memory.secret } = await read(await ask(memory, 'POST', 'subscriptions', {
      subscription: subscription.toJSON(),
      previous_endpoint: moved ? memory.endpoint : undefined,
      timezone,
      ...memory.pending,
      page: location.origin, // also where an older tag has left a whole address pending
    }));
    return remember({ ...memory, id, secret, endpoint, timezone, pending: {} });
  }

  async function subscribeAnew(registration, applicationServerKey) {
    try {
      const options = { userVisibleOnly: true, applicationServerKey };
      return await registration.pushManager.subscribe(options);
    } catch (cause) {
      throw fault('push-service', cause);
    }
  }

  /**
   * Makes browser and server agree: a subscription exists, bears the container's key, and its
   * endpoint is known. `vapid` may come from a cache: the server is asked before anything is made
   * or thrown away.
   */
  async function align(registration, memory, vapid) {
    let subscription = await registration.pushManager.getSubscription();
    if (!subscription || vapidOf(subscription) !== vapid) {
      const current = (await read(await ask(memory, 'GET', 'config'))).vapid_public_key;
      if (subscription && vapidOf(subscription) !== current) {
        // An import may know the visitor by it; on disk first, for what follows may fail.
        memory = await remember({ ...memory, endpoint: memory.endpoint || subscription.endpoint });
        await subscription.unsubscribe(); // subscribe() refuses a second key beside the first
        subscription = null;
      }
      subscription ||= await subscribeAnew(registration, current);
    }
    const known = memory.id && memory.endpoint === subscription.endpoint;
    return known ? memory : register(memory, subscription);
  }

  // ---- end of the shared part ----

  /** @param {Attributes} [options] @returns {object} the same under the names of the HTTP calls */
  function attributes(options = {}) {
    const found = {};
    for (const [name, value] of Object.entries(options)) {
      if (!Object.hasOwn(WIRE_NAMES, name)) throw fault('options', name);
      if (value !== undefined) found[WIRE_NAMES[name]] = value;
    }
    return found;
  }

  const supported = () => Boolean(container && 'PushManager' in window && 'Notification' in window);

  /** Asks the visitor. Must be reached from the click without an await, or the browser refuses. */
  function askPermission() {
    if (!isSecureContext) throw fault('insecure');
    if (!supported()) throw fault('unsupported');
    return Notification.requestPermission();
  }

  /** The site's worker, registered and active: only then can it hold a subscription. */
  async function activeWorker() {
    let registration;
    try {
      registration = await container.register(config.worker);
    } catch (cause) {
      throw fault('worker', cause);
    }
    const coming = registration.installing || registration.waiting;
    if (coming) await settled(coming);
    if (!registration.active) throw fault('worker', new Error('it did not start'));
    return registration;
  }

  function settled(worker) {
    const over = () => worker.state === 'activated' || worker.state === 'redundant';
    return new Promise((resolve) => {
      const look = () => over() && resolve();
      worker.addEventListener('statechange', look);
      look();
    });
  }

  /**
   * What a server that has not met this visitor should know. Some browsers say en-US@posix, which
   * the server refuses; where there is no tag in it the server goes by Accept-Language.
   */
  const introduction = () => ({
    language: navigator.language?.match(/^[a-z]{2,3}(?![a-z])[\w-]*/i)?.[0],
  });

  /** What is remembered, turned to the container that the page names now. */
  function ours(memory) {
    const home = { url: config.url, key: config.key };
    if (memory && memory.url === home.url && memory.key === home.key) return memory;
    return { ...memory, ...home, id: undefined, secret: undefined, pending: introduction() };
  }

  /**
   * @param {Attributes} [options]
   * @param {Promise<NotificationPermission>} [asked] by the loader, before this file had arrived
   */
  async function subscribe(options, asked) {
    const given = attributes(options);
    const permission = await (asked || askPermission());
    if (permission === 'denied') throw fault('denied');
    if (permission !== 'granted') throw fault('dismissed');
    return alone(() => enrol(given));
  }

  async function enrol(given) {
    const registration = await activeWorker();
    // Without an id it counts as unconfirmed: the server hears of this wish even if it knows the
    // endpoint, for it may have been unsubscribed there.
    const memory = await remember({
      ...ours(await recall()),
      wanted: true,
      id: undefined,
      pending: { ...introduction(), ...given },
    });
    const { id } = await align(registration, memory, config.vapid);
    return { id };
  }

  /** The browser forgets first: whatever the server hears, nothing is shown from here on. */
  async function leave() {
    const memory = await recall();
    if (memory) await remember({ ...memory, wanted: false });
    const subscription = await currentSubscription();
    if (subscription && (memory || vapidOf(subscription) === config.vapid)) {
      await subscription.unsubscribe();
    }
    // A server out of reach hears of it at the next visit.
    if (memory?.id) await withdraw(memory).catch(warn);
  }

  async function withdraw(memory) {
    const path = `subscriptions/${memory.id}`;
    const response = await ask(memory, 'DELETE', path, undefined, memory.secret);
    if (response.status >= 500 || response.status === 429) await read(response);
    // Any other answer is final: it is gone, or the server never knew it under this secret.
    await remember({ url: memory.url, key: memory.key, wanted: false });
  }

  async function currentSubscription() {
    const registration = await container?.getRegistration(config.worker);
    return registration && registration.pushManager?.getSubscription();
  }

  async function change(given) {
    const memory = ours(await recall());
    if (!memory.wanted) throw fault('not-subscribed');
    if (memory.id && memory.secret) return patch(memory, given);
    const pending = { ...memory.pending, ...given };
    if (given.user_data) pending.user_data = { ...memory.pending?.user_data, ...given.user_data };
    const unconfirmed = await remember({ ...memory, id: undefined, pending });
    await align(await activeWorker(), unconfirmed, config.vapid);
  }

  async function patch(memory, changes) {
    const path = `subscriptions/${memory.id}`;
    const response = await ask(memory, 'PATCH', path, changes, memory.secret);
    if ([401, 403, 404, 410].includes(response.status)) {
      // Not repaired without being asked: the person may have been erased on purpose.
      throw fault('not-subscribed');
    }
    if (!response.ok) await read(response);
  }

  async function status() {
    const permission = supported() ? Notification.permission : 'default';
    const state = supported() ? await stateNow(permission) : 'unsupported';
    return { state, permission, id: (await recall().catch(() => undefined))?.id };
  }

  async function stateNow(permission) {
    if (permission === 'denied') return 'blocked';
    const memory = await recall();
    if (permission !== 'granted' || !memory?.wanted) return 'unsubscribed';
    const subscription = await currentSubscription();
    return subscription && memory.id && subscription.endpoint === memory.endpoint
      ? 'subscribed' : 'unconfirmed';
  }

  /** What every page view does: nothing, as a rule; else what the last attempt left undone. */
  async function visit() {
    const memory = await recall();
    if (memory && !memory.wanted) return memory.id && withdraw(memory);
    if (Notification.permission !== 'granted') return undefined;
    return memory ? repair(ours(memory)) : adopt();
  }

  async function repair(memory) {
    const aligned = await align(await activeWorker(), memory, config.vapid);
    const timezone = timeZone();
    if (aligned.timezone === timezone || !aligned.secret) return;
    await patch(aligned, { timezone }); // the visitor has travelled
    await remember({ ...aligned, timezone });
  }

  /** A subscription of ours that nobody remembers: the site's data were cleared. */
  async function adopt() {
    const subscription = await currentSubscription();
    if (!subscription || vapidOf(subscription) !== config.vapid) return;
    await register({ url: config.url, key: config.key, wanted: true }, subscription);
  }

  const warn = (error) => console.warn(error);

  function promptOn(selector) {
    document.addEventListener('click', (event) => {
      if (event.target.closest?.(selector)) subscribe().catch(warn);
    });
  }

  const api = {
    /**
     * Asks for permission and subscribes. Call it directly in a click handler.
     * @param {Attributes} [options] @returns {Promise<{id: string}>}
     */
    subscribe: (options) => subscribe(options),
    /** Ends the subscription, here and on the server. @returns {Promise<void>} */
    unsubscribe: async () => {
      if (supported()) await alone(leave);
    },
    /**
     * Changes what the server knows of the visitor.
     * @param {Attributes} options @returns {Promise<void>}
     */
    update: async (options) => {
      const given = attributes(options);
      if (!supported()) throw fault('not-subscribed');
      return alone(() => change(given));
    },
    /**
     * @returns {Promise<{state: 'unsupported'|'blocked'|'unsubscribed'|'unconfirmed'|'subscribed',
     *   permission: NotificationPermission, id?: string}>} unconfirmed: the server has yet to hear
     */
    status,
  };

  Object.assign(tocsin, api);
  for (const call of tocsin.queue.splice(0)) {
    const answer = call.method === 'subscribe'
      ? subscribe(call.options, call.prepared) : api[call.method](call.options);
    answer.then(call.resolve, call.reject);
  }
  if (config.prompt) promptOn(config.prompt);
  if (supported()) alone(visit).catch(warn);
})();
