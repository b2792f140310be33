// GET /tag/KEY.js: the one script of the page. The server puts the container's config in place of
// the placeholder below; the tag itself comes from an immutable address and may arrive later.
(function (config) {
  'use strict';
  if (window.Tocsin) return; // the line stands twice in the page

  const script = document.currentScript;
  const queue = [];
  let failure;

  // Calls made before the tag has arrived wait here, and are answered like any other.
  const later = (method, prepare) => (options) => {
    const prepared = prepare && prepare();
    return new Promise((resolve, reject) => {
      if (failure) reject(failure);
      else queue.push({ method, options, prepared, resolve, reject });
    });
  };

  // A browser lets a page ask only while the click is fresh: the question cannot wait in the queue.
  const ask = () => ('PushManager' in window ? Notification.requestPermission() : undefined);

  window.Tocsin = {
    config: { ...config, prompt: script && script.dataset.tocsinPrompt },
    queue,
    subscribe: later('subscribe', ask),
    unsubscribe: later('unsubscribe'),
    update: later('update'),
    status: later('status'),
  };

  const tag = document.createElement('script');
  tag.src = config.asset;
  tag.async = true;
  if (script && script.nonce) tag.nonce = script.nonce; // for sites with a strict CSP
  tag.onerror = () => {
    failure = new Error(`Tocsin: ${config.asset} could not be loaded`);
    failure.code = 'tag';
    for (const call of queue.splice(0)) call.reject(failure);
  };
  document.head.append(tag);
})(__TOCSIN_CONFIG__);
