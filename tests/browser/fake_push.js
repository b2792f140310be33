// The browser's side of a push subscription, without a push service behind it. Chromium's own
// subscribe() asks Google's servers; everything around this one class stays the browser's own.
// In a page it remembers in localStorage, as a browser would over reloads; a worker has none.
(([p256dh, auth, address]) => {
  const kept = globalThis.localStorage || {
    values: new Map(),
    getItem(name) { return this.values.get(name) || null; },
    setItem(name, value) { this.values.set(name, value); },
    removeItem(name) { this.values.delete(name); },
  };

  const bytesOf = (text) => Uint8Array.from(
    atob(text.replace(/-/g, '+').replace(/_/g, '/')), (letter) => letter.charCodeAt(0),
  ).buffer;

  const subscriptionOf = ({ endpoint, key }) => ({
    endpoint,
    options: { userVisibleOnly: true, applicationServerKey: bytesOf(key) },
    toJSON: () => ({ endpoint, expirationTime: null, keys: { p256dh, auth } }),
    unsubscribe: async () => {
      kept.removeItem('fake-push');
      return true;
    },
  });

  PushManager.prototype.getSubscription = async () => {
    const state = kept.getItem('fake-push');
    return state && subscriptionOf(JSON.parse(state));
  };

  PushManager.prototype.subscribe = async (options) => {
    if (kept.getItem('fake-push-broken')) {
      throw new DOMException('Registration failed - push service error', 'AbortError');
    }
    const old = JSON.parse(kept.getItem('fake-push'));
    if (old && old.key !== options.applicationServerKey) {
      throw new DOMException('Registration failed - another key', 'InvalidStateError');
    }
    const name = crypto.randomUUID();
    const endpoint = address || `https://fcm.googleapis.com/fcm/send/${name}`;
    const state = old || { endpoint, key: options.applicationServerKey };
    kept.setItem('fake-push', JSON.stringify(state));
    return subscriptionOf(state);
  };
})
