// The page: four cells that send, the code of the two apps, and the race.
import { element, showCode } from './code.js';
import { Timeline } from './timeline.js';
import { explain } from './words.js';

/**
 * @typedef {import('../messages.js').Cell} Cell
 * @typedef {import('../messages.js').Answer} Answer
 * @typedef {import('../messages.js').RaceEvent} RaceEvent
 */

/** @template {Element} [T=HTMLElement] @param {string} selector @param {ParentNode} [within] @returns {T} */
function $(selector, within = document) {
  const found = within.querySelector(selector);
  if (!found) throw new Error(`The page has no ${selector}`);
  return /** @type {T} */ (found);
}

/** @type {Map<string, { cell: Cell, article: HTMLElement }>} */
const shown = new Map();
const timeline = new Timeline($('#timeline'));
const races = /** @type {HTMLFormElement} */ ($('#race'));
const path = /** @type {HTMLInputElement} */ ($('#path'));

/* ── the cells ── */

/** @param {readonly Cell[]} cells */
function showCells(cells) {
  for (const cell of cells) {
    const known = shown.get(cell.id);
    const article = known?.article ?? addCell(cell);
    shown.set(cell.id, { cell, article });
    showState(article, cell);
  }
  const ready = cells.filter(({ state }) => state.name === 'ready').length;
  $('#matrix').dataset['ready'] = String(ready);
}

/** @param {Cell} cell */
function addCell(cell) {
  const { id, app, server, carrier } = cell;
  const template = /** @type {HTMLTemplateElement} */ ($('#cell'));
  const article = /** @type {HTMLElement} */ (document.importNode(template.content, true).firstElementChild);
  article.id = id;
  article.dataset['app'] = app;
  article.dataset['server'] = server;
  const title = $('h3', article);
  title.id = `${id}-title`;
  title.textContent = carrier;
  article.setAttribute('aria-labelledby', title.id);
  $('.path', article).append(...picture(app, server));
  const button = $('.send', article);
  button.setAttribute('aria-describedby', title.id);
  button.addEventListener('click', () => act(id));
  $('.command code', article).textContent = commandOf(cell);
  $('#matrix').append(article);
  $('#racers').append(racer(id, carrier, app));
  return article;
}

/** What carries what, in boxes. @param {string} app @param {string} server */
function picture(app, server) {
  const bridge = app === server ? 'direct' : `${app}To${server === 'async' ? 'Async' : 'Sync'}`;
  return [
    element('span', `box ${server}`, `${server} server`),
    element('span', app === server ? 'carry direct' : 'carry bridge', bridge),
    element('span', `box ${app}`, `${app} app`),
  ];
}

/** The same in a terminal. @param {Cell} cell */
function commandOf({ app, server }) {
  const flag = app === server ? '' : ` --server ${server}`;
  return `npx dualgate serve examples/hello-${app}/app.ts:app${flag}`;
}

/** @param {HTMLElement} article @param {Cell} cell */
function showState(article, { state }) {
  article.dataset['state'] = state.name;
  const why = $('.why', article);
  const button = $('.send', article);
  $('.state', article).textContent = state.name;
  $('.address', article).replaceChildren(...(state.name === 'ready' ? [linkTo(state.url)] : []));
  why.textContent = '';
  button.textContent = 'Send';
  button.toggleAttribute('disabled', state.name === 'starting');
  if (state.name === 'starting') {
    why.textContent = 'its process starts';
  } else if (state.name === 'down') {
    why.textContent = `It ${state.why}. ${state.again ? 'It starts again by itself.' : ''}`;
    button.textContent = 'Start again';
    button.toggleAttribute('disabled', state.again);
  }
}

/** @param {string} url */
function linkTo(url) {
  const link = document.createElement('a');
  link.href = url;
  link.target = '_blank';
  link.rel = 'noopener';
  link.textContent = url;
  return link;
}

/** The button of a cell. @param {string} id */
async function act(id) {
  const known = shown.get(id);
  if (!known) return;
  if (known.cell.state.name === 'down') {
    await order('/api/restart', { cell: id }).catch((error) => fail(known.article, error));
    return;
  }
  if (path.reportValidity()) await send(id);
}

/** @param {string} id */
async function send(id) {
  const known = shown.get(id);
  if (!known) return;
  const { article, cell } = known;
  article.classList.add('busy');
  try {
    const response = await order('/api/send', { cell: id, path: path.value });
    showAnswer(article, /** @type {Answer} */ (await response.json()), cell);
  } catch (error) {
    fail(article, error);
  } finally {
    article.classList.remove('busy');
  }
}

/** @param {HTMLElement} article @param {Answer} answer @param {Cell} cell */
function showAnswer(article, answer, { carrier }) {
  const time = `${answer.ms < 10 ? answer.ms.toFixed(1) : Math.round(answer.ms)} ms`;
  $('.time', article).textContent = time;
  if (!answer.ok) {
    fail(article, new Error(answer.why));
    return;
  }
  const good = answer.status < 400;
  article.classList.toggle('bad', !good);
  $('.status', article).textContent = `${answer.status} ${answer.reason}`;
  $('.lane', article).textContent = answer.lane || 'not said';
  $('.body', article).textContent = answer.body;
  $('#outcome').textContent = `${carrier}: ${answer.status}, ${time}, run by ${answer.lane}`;
  article.classList.remove('fresh');
  requestAnimationFrame(() => article.classList.add('fresh'));
}

/** @param {HTMLElement} article @param {unknown} error */
function fail(article, error) {
  const why = error instanceof Error ? error.message : String(error);
  article.classList.add('bad');
  $('.status', article).textContent = 'failed';
  $('.lane', article).textContent = '–';
  $('.body', article).textContent = why;
  $('#outcome').textContent = why;
}

$('#send-all').addEventListener('submit', (event) => {
  event.preventDefault();
  for (const { cell } of shown.values()) if (cell.state.name === 'ready') void send(cell.id);
});

/* ── the race ── */

/** @param {string} id @param {string} carrier @param {string} app */
function racer(id, carrier, app) {
  const box = document.createElement('input');
  box.type = 'checkbox';
  box.value = id;
  box.checked = id === 'sync-on-sync' || id === 'async-on-async';
  return element('label', `racer ${app}`, box, element('span', '', carrier));
}

/** @param {string} selector */
function numberIn(selector) {
  return Number(/** @type {HTMLSelectElement} */ ($(selector)).value);
}

races.addEventListener('change', () => {
  $('#fire').textContent = `Fire ${numberIn('#requests')} × ${numberIn('#wait')} ms`;
});

races.addEventListener('submit', async (event) => {
  event.preventDefault();
  const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (races.querySelectorAll('#racers input:checked'));
  const cells = [...boxes].map(({ value }) => value);
  if (cells.length === 0) {
    say('Choose at least one server to fire at.', 'bad');
    return;
  }
  $('#fire').toggleAttribute('disabled', true);
  races.dataset['done'] = '';
  try {
    const response = await order('/api/race', {
      cells,
      requests: numberIn('#requests'),
      wait: numberIn('#wait'),
    });
    say('Fired. Waiting for the answers …', '');
    for await (const line of linesOf(response)) take(/** @type {RaceEvent} */ (JSON.parse(line)));
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), 'bad');
  } finally {
    timeline.end();
    $('#fire').toggleAttribute('disabled', false);
  }
});

/** @param {RaceEvent} event */
function take(event) {
  switch (event.kind) {
    case 'begin':
      $('#rows').replaceChildren();
      timeline.begin(event, carrierOf);
      break;
    case 'answer':
      timeline.answer(event);
      $('#rows').append(rowOf(event));
      break;
    case 'end': {
      timeline.end();
      const [known] = shown.values();
      say(explain(timeline.tracks, event.requests, event.wait, known?.cell.threads ?? 0), '');
      races.dataset['done'] = 'yes';
    }
  }
}

/** @param {Extract<RaceEvent, { kind: 'answer' }>} event */
function rowOf({ cell, number, at, answer }) {
  const status = answer.ok ? String(answer.status) : answer.why;
  const cells = [
    carrierOf(cell),
    String(number),
    `${Math.round(at)} ms`,
    status,
    answer.ok ? answer.lane : '–',
  ];
  const [first = '', ...rest] = cells;
  const head = element('th', '', first);
  head.setAttribute('scope', 'row');
  return element('tr', '', head, ...rest.map((text) => element('td', '', text)));
}

/** @param {string} id */
function carrierOf(id) {
  return shown.get(id)?.cell.carrier ?? id;
}

/** @param {string | string[]} text clauses, or one @param {string} className */
function say(text, className) {
  const verdict = $('#verdict');
  verdict.replaceChildren(...[text].flat().map((clause) => element('span', 'clause', clause)));
  verdict.className = `verdict ${className}`;
}

/* ── the lab's server ── */

/** Posts an order; an answer that is no success throws its text. @param {string} url @param {unknown} value */
async function order(url, value) {
  const headers = { 'content-type': 'application/json' };
  const request = fetch(url, { method: 'POST', headers, body: JSON.stringify(value) });
  const response = await request.catch(() => {
    throw new Error('The lab does not answer: does it still run in its terminal?');
  });
  if (!response.ok) throw new Error((await response.text()).trim());
  return response;
}

/** @param {Response} response @returns {AsyncGenerator<string>} */
async function* linesOf(response) {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = `${rest}${value}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function connect() {
  const link = $('#link');
  const turn = (/** @type {string} */ state, /** @type {string} */ text) => {
    link.dataset['state'] = state;
    $('span', link).textContent = text;
  };
  const events = new EventSource('/api/cells');
  events.onmessage = ({ data }) => {
    turn('live', 'live');
    showCells(JSON.parse(data));
  };
  events.onerror = () => turn('lost', 'the lab is away, trying again');
}

/* ── light and dark ── */

const themes = ['auto', 'light', 'dark'];

/** @param {string} theme */
function wear(theme) {
  document.documentElement.dataset['theme'] = theme;
  $('#theme').textContent = `Theme: ${theme}`;
}

$('#theme').addEventListener('click', () => {
  const now = document.documentElement.dataset['theme'] ?? 'auto';
  const next = themes[(themes.indexOf(now) + 1) % themes.length] ?? 'auto';
  localStorage.setItem('theme', next);
  wear(next);
});

wear(localStorage.getItem('theme') ?? 'auto');
connect();
showCode($('#code'), await (await fetch('/api/code')).json());
