/**
 * The page of the demo: it subscribes this browser through the tag, sends through the shop's own
 * backend, and shows every second what became of it. The token is the backend's; it is not here.
 */

const POLL_MS = 1000;
const IDLE_POLL_MS = 5000;
const IDLE_AFTER = 60; // answers alike
const MESSAGES_KEPT = 100;

const byId = (id) => document.getElementById(id);
const languages = new Intl.DisplayNames(['en'], { type: 'language' });
const countries = new Intl.DisplayNames(['en'], { type: 'region' });

// ---- 1. your own browser ----

const STATES = {
  unsupported: 'This browser has no web push here. A private window, perhaps?',
  blocked: 'Notifications of this page are blocked; the browser’s settings of this site undo that.',
  unsubscribed: 'Not subscribed yet.',
  unconfirmed: 'Subscribed, but the server has not heard of it yet.',
};

async function showState() {
  if (!window.Tocsin) {
    byId('state').textContent = 'The tag could not be loaded. Does an ad blocker hold it back?';
    return;
  }
  const { state, id } = await Tocsin.status();
  byId('state').textContent = STATES[state] ?? `Subscribed: you are subscriber ${id}. Now send a push.`;
  byId('unsubscribe').hidden = state !== 'subscribed' && state !== 'unconfirmed';
}

/** Calls the tag directly in the click, as browsers demand, and shows how it ended. */
function onClick(button, call, meanwhile) {
  button.addEventListener('click', async () => {
    button.disabled = true;
    byId('state').textContent = meanwhile;
    try {
      await call();
      await showState();
    } catch (error) {
      byId('state').textContent = error.message;
    } finally {
      button.disabled = false;
    }
  });
}

onClick(byId('subscribe'), () => Tocsin.subscribe(), 'Asking the browser …');
onClick(byId('unsubscribe'), () => Tocsin.unsubscribe(), 'Unsubscribing …');

// ---- 2. send a push ----

async function send(path, form) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(form),
  });
  const answer = await response.json();
  byId('refused').hidden = response.ok;
  byId('refused').textContent = response.ok ? '' : `Refused: ${answer.message}`;
  byId('command').hidden = !answer.curl;
  byId('curl').textContent = answer.curl ?? '';
  if (response.ok) follow(answer.id);
}

async function sending(event, path, form) {
  event.preventDefault();
  const buttons = byId('form').querySelectorAll('button');
  for (const button of buttons) button.disabled = true;
  try {
    await send(path, form);
  } catch {
    byId('ended').hidden = false;
  } finally {
    for (const button of buttons) button.disabled = false;
    event.submitter?.focus();
  }
}

byId('form').addEventListener('submit', (event) => {
  sending(event, '/pushes', Object.fromEntries(new FormData(event.target)));
});
byId('hello').addEventListener('click', (event) => sending(event, '/hello', {}));

for (const [name, names] of [['language', languages], ['country', countries]]) {
  for (const option of byId('form').elements[name].options) {
    if (option.value) option.text = `${names.of(option.value)} (${option.dataset.count})`;
  }
}

// ---- 3. and 4.: what became of it ----

let task = document.body.dataset.firstTask;
let lastMessage = 0;
let alike = 0;
let before = '';
let looking = false;
let timer;

function follow(id) {
  task = id;
  alike = 0;
  look();
}

async function fetched(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: status ${response.status}`);
  return response.json();
}

function showExecution({ items }) {
  if (!items.length) {
    byId('execution').textContent = `Push task ${task}: waiting for its execution …`;
    return;
  }
  const { state, counters } = items[0];
  byId('execution').textContent = `Push task ${task}: ${state}`;
  const finished = counters.total_user - counters.pending;
  byId('bar').max = counters.total_user || 1;
  byId('bar').value = state === 'done' ? byId('bar').max : finished;
  for (const place of document.querySelectorAll('[data-counter]')) {
    place.textContent = (counters[place.dataset.counter] ?? 0).toLocaleString();
  }
}

function showMessages({ messages }) {
  const list = byId('messages');
  for (const message of messages) list.prepend(line(message));
  while (list.children.length > MESSAGES_KEPT) list.lastChild.remove();
  lastMessage = messages.at(-1)?.number ?? lastMessage;
  if (messages.length) {
    byId('received').textContent = `${lastMessage.toLocaleString()} messages in all; the newest ${
      list.children.length}:`;
  }
}

function line({ n, title, body, language, country, browser, os }) {
  const item = document.createElement('li');
  const text = document.createElement('span');
  text.lang = language;
  const strong = document.createElement('strong');
  strong.textContent = title;
  text.append(strong, ` ${body ?? ''}`);
  const who = document.createElement('small');
  who.textContent = `no. ${n} · ${languages.of(language)} · ${countries.of(country)} · ${browser} on ${os}`;
  item.append(text, who);
  return item;
}

/** One look at a time, or a message would be listed twice. */
async function look() {
  if (looking) return;
  looking = true;
  clearTimeout(timer);
  if (!document.hidden) {
    try {
      await lookOnce(task);
      byId('ended').hidden = true;
    } catch {
      byId('ended').hidden = false;
    }
  }
  looking = false;
  timer = setTimeout(look, alike > IDLE_AFTER ? IDLE_POLL_MS : POLL_MS);
}

async function lookOnce(asked) {
  const [progress, messages] = await Promise.all([
    fetched(`/pushes/${asked}`), fetched(`/messages?after=${lastMessage}`),
  ]);
  showMessages(messages);
  if (asked !== task) return;
  showExecution(progress);
  const now = JSON.stringify(progress);
  alike = now === before ? alike + 1 : 0;
  before = now;
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) look();
});

showState().catch((error) => { byId('state').textContent = error.message; });
look();
