// The room's page: joins, shows, says, and comes back when the connection is lost.
const $ = (selector) => document.querySelector(selector);
const [log, text, nick] = [$('#log'), $('#text'), $('#nick')];

let socket;
let me = '';
let attempts = 0;
let timer;

function connect() {
  clearTimeout(timer);
  state('away', 'connecting');
  socket = new WebSocket(location.origin.replace(/^http/, 'ws'));
  socket.onopen = () => sent({ type: 'join', nick: nick.value });
  socket.onmessage = ({ data }) => take(JSON.parse(data));
  socket.onclose = () => {
    // Full jitter: a thousand pages that lost one server do not come back in the same moment.
    const pause = Math.random() * Math.min(15_000, 500 * 2 ** attempts++);
    state('away', `connection lost, back in ${Math.ceil(pause / 1000)} s`);
    timer = setTimeout(connect, pause);
  };
}

/** Whether there was a connection to send it on. */
function sent(message) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(message));
  return true;
}

function take(message) {
  if (message.here) $('#here').textContent = `${message.here.length} here: ${message.here.join(', ')}`;
  if (message.type === 'refused') $('#notice').textContent = message.why;
  else if (message.type === 'welcome') welcome(message);
  else show(message);
}

function welcome({ nick: name, history }) {
  me = name;
  attempts = 0;
  $('#notice').textContent = '';
  log.replaceChildren();
  for (const line of history) show(line);
  log.scrollTop = log.scrollHeight;
  state('live', `here as ${me}`);
  $('#join').hidden = true;
  $('#say').hidden = false;
  text.focus();
}

function show({ type, nick: who, text: words, at }) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const line = made('li', type === 'said' ? 'said' : 'event');
  const time = made('time', '', new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }));
  time.dateTime = new Date(at).toISOString();
  if (type === 'said') {
    line.classList.toggle('mine', who === me);
    const name = made('b', `nick hue${hueOf(who)}`, who === me ? 'you' : who);
    line.append(made('span', 'head', name, ' ', time), made('span', 'text', words));
  } else line.append(`${who === me ? 'you' : who} ${type} `, time);
  log.append(line);
  while (log.childElementCount > 500) log.firstElementChild.remove();
  if (atEnd || who === me) log.scrollTop = log.scrollHeight;
  else $('#newer').hidden = false;
}

/** An element out of text and elements: never out of HTML, so nothing that is said can be code. */
function made(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function hueOf(name) {
  return [...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 6;
}

function state(name, words) {
  $('#state').dataset.state = name;
  $('#state').textContent = words;
}

$('#join').addEventListener('submit', (event) => {
  event.preventDefault();
  localStorage.setItem('nick', nick.value);
  connect();
});

$('#say').addEventListener('submit', (event) => {
  event.preventDefault();
  const said = sent({ type: 'say', text: text.value });
  $('#notice').textContent = said ? '' : 'Not connected: your message is kept here until you are';
  if (said) text.value = '';
  text.focus();
});

$('#newer').addEventListener('click', () => {
  log.scrollTop = log.scrollHeight;
  log.focus();
});
log.addEventListener('scroll', () => {
  if (log.scrollHeight - log.scrollTop - log.clientHeight < 40) $('#newer').hidden = true;
});

nick.value = localStorage.getItem('nick') ?? '';
nick.focus();
