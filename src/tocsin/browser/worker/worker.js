/**
 * The service worker: shows every push, opens what is clicked, and reports both. The site's sw.js
 * imports it; a line above, put there by the server, sets TOCSIN_URL, the server's own address.
 * The payload of a push is in section 4 of the contract; Memory is described in tag.js.
 */
(function () {
  'use strict';

  const fault = (code) => new Error(code); // nobody reads it here

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

  const NEUTRAL = { options: { body: 'There is a new message for you.' } };

  const flag = (value) => value === true || value === 1;
  const isText = (value) => typeof value === 'string' && value !== '';
  const isObject = (value) => value !== null && typeof value === 'object';
  const list = (value) => (Array.isArray(value) ? value : []);

  /** The address, if it is one of http or https. */
  function webUrl(url) {
    try {
      const { href, protocol } = new URL(url);
      if (protocol === 'https:' || protocol === 'http:') return href;
    } catch { /* none given */ }
    return undefined;
  }

  /** Turns a push into its message; never throws: what is unreadable is shown in neutral words. */
  function readMessage(data) {
    try {
      const message = data.json();
      if (isObject(message)) return message;
    } catch { /* empty, or not JSON */ }
    return NEUTRAL;
  }

  /** Buttons named by their index in `action_urls`; one without a title would be refused. */
  function buttons(actions) {
    return list(actions)
      .map((each, index) => ({ action: String(index), title: each?.title, icon: each?.icon }))
      .filter((button) => isText(button.title))
      .map(({ icon, ...button }) => (isText(icon) ? { ...button, icon } : button));
  }

  /**
   * Options that showNotification() takes without throwing: renotify needs a tag, silent forbids
   * vibrate (Notifications API, "create a notification").
   */
  function optionsOf(message) {
    const given = message.options || {};
    const options = { data: dataOf(message), actions: buttons(given.actions) };
    for (const name of ['body', 'icon', 'image', 'badge']) {
      if (isText(given[name])) options[name] = given[name];
    }
    // A message that comes twice replaces its twin on the screen.
    options.tag = isText(given.tag) ? given.tag : message.token || 'tocsin';
    options.requireInteraction = flag(given.requireInteraction);
    options.renotify = flag(given.renotify);
    if (flag(given.silent)) options.silent = true;
    else if (Array.isArray(given.vibrate)) options.vibrate = given.vibrate.map(Number);
    return options;
  }

  function dataOf({ token, url, action_urls: actionUrls, custom, repeat }) {
    return { tocsin: { token, url, actionUrls, repeat }, custom };
  }

  /** Shows the message; if the browser still refuses its options, without them. */
  async function show(message) {
    const title = isText(message.title) ? message.title : location.hostname;
    const options = optionsOf(message);
    const { body, tag, data } = options;
    await registration.showNotification(title, options)
      .catch(() => registration.showNotification(title, { body, tag, data }));
  }

  /**
   * Tells the server what happened; never rejects; one more try after a failure. A text body needs
   * no preflight, and keepalive outlives this worker.
   */
  async function report(token, event, action) {
    if (!token) return;
    const send = () => fetch(`${TOCSIN_URL}/v1/edge/events`, {
      method: 'POST',
      body: JSON.stringify({ token, event, action }),
      mode: 'no-cors',
      credentials: 'omit',
      keepalive: true,
      signal: AbortSignal.timeout?.(10000),
    });
    const pause = () => new Promise((resume) => setTimeout(resume, 1000));
    await send().catch(() => pause().then(send)).catch(() => {});
  }

  /** Shows a message; once it is there, it is reported, and the pixels of an ad are called. */
  async function present(message, event = 'shown') {
    await show(message);
    const pixels = list(message.pixels).map(webUrl).filter(Boolean).map((url) => {
      const options = { mode: 'no-cors', credentials: 'omit', keepalive: true };
      return fetch(url, options).catch(() => {});
    });
    await Promise.all([...pixels, report(message.token, event)]);
  }

  /** Ends a request after 5 s, also in a browser that is older than AbortSignal.timeout. */
  function limit() {
    if (AbortSignal.timeout) return AbortSignal.timeout(5000);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5000);
    return controller.signal;
  }

  /** Asks the server for the messages behind a path; resolves with none when they cannot be had. */
  async function draw(path) {
    try {
      const options = { credentials: 'omit', signal: limit() };
      const { items } = await read(await fetch(TOCSIN_URL + path, options));
      return list(items).filter(isObject);
    } catch {
      return [];
    }
  }

  const presentAll = (items) => Promise.all(items.map((item) => present(item)));

  /** What was drawn, else the fallback that came with the push. */
  async function presentDrawn({ token, adex: { url, fallback }, custom }) {
    const items = await draw(url);
    await (items.length
      ? presentAll(items)
      : present({ ...(fallback || NEUTRAL), token, custom }, 'fallback'));
  }

  /** The reports run beside the display; they neither delay nor prevent it. */
  async function receive(data) {
    const message = readMessage(data);
    await Promise.all([
      report(message.token, 'received'),
      message.adex ? presentDrawn(message) : present(message),
    ]);
  }

  /** What openWindow() may be given; else the start of the site. */
  const safeUrl = (url) => webUrl(url) || registration.scope;

  /** Brings the window that shows the address to the front, or opens one. */
  async function open(url) {
    const windows = await clients.matchAll({ type: 'window', includeUncontrolled: true });
    const shown = windows.find((each) => each.url === url);
    if (!shown) return clients.openWindow(url);
    return shown.focus().catch(() => clients.openWindow(url));
  }

  // Firefox fires notificationclose after a click too, which is no dismissal.
  const clicked = new Set();

  function react(notification, { token, url, actionUrls, repeat }, action) {
    clicked.add(token);
    notification.close();
    const isButton = action !== '';
    const target = isButton && actionUrls?.[action] ? actionUrls[action] : url;
    return Promise.all([
      open(safeUrl(target)).catch(() => {}), // a window may be refused; the click still counts
      isButton ? report(token, 'action', Number(action)) : report(token, 'click'),
      repeat && draw(repeat).then(presentAll),
    ]);
  }

  /** The browser has replaced or dropped the subscription: make a new one and say so. */
  async function resubscribe() {
    const memory = await recall();
    if (memory?.wanted) await align(registration, memory);
  }

  // No push may go to an earlier version or an earlier vendor's worker while a tab stays open.
  // No clients.claim(): a site's own fetch handler must not take over pages loaded without it.
  addEventListener('install', () => skipWaiting());

  addEventListener('push', (event) => event.waitUntil(receive(event.data)));

  addEventListener('notificationclick', (event) => {
    const { notification } = event;
    const own = notification.data?.tocsin;
    if (own) event.waitUntil(react(notification, own, event.action));
  });

  addEventListener('notificationclose', (event) => {
    const own = event.notification.data?.tocsin;
    if (own && !clicked.delete(own.token)) event.waitUntil(report(own.token, 'close'));
  });

  // What fails here the tag repairs at the next visit.
  addEventListener('pushsubscriptionchange', (event) => {
    event.waitUntil(alone(resubscribe).catch(() => {}));
  });
})();
