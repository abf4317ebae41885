// Draws a race: a row a request, a mark where its answer arrived, all cells on one scale.

/** @typedef {import('../messages.js').RaceEvent} RaceEvent */
/** @typedef {Extract<RaceEvent, { kind: 'answer' }>} Arrival */
/** @typedef {{ id: string, carrier: string, arrivals: Map<number, Arrival> }} Track */

const rowHeight = 15;
const barHeight = 9;
const headHeight = 30;
const axisHeight = 26;
const margin = { left: 8, right: 76 };

export class Timeline {
  /** @type {SVGSVGElement} */ #svg;
  /** @type {Track[]} */ #tracks = [];
  #requests = 0;
  #wait = 0;
  #began = 0;
  #running = false;
  /** Reduced motion: nothing grows, marks appear. */
  #still = matchMedia('(prefers-reduced-motion: reduce)');

  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    this.#svg = svg;
    new ResizeObserver(() => this.#draw()).observe(/** @type {Element} */ (svg.parentElement));
  }

  /** @param {Extract<RaceEvent, { kind: 'begin' }>} event @param {(id: string) => string} carrierOf */
  begin({ cells, requests, wait }, carrierOf) {
    this.#tracks = cells.map((id) => ({ id, carrier: carrierOf(id), arrivals: new Map() }));
    this.#requests = requests;
    this.#wait = wait;
    this.#began = performance.now();
    this.#running = true;
    this.#grow();
  }

  /** @param {Arrival} event */
  answer(event) {
    this.#tracks.find(({ id }) => id === event.cell)?.arrivals.set(event.number, event);
    this.#draw();
  }

  end() {
    this.#running = false;
    this.#draw();
  }

  /** What was seen so far, for the words and the table. */
  get tracks() {
    return this.#tracks;
  }

  #grow() {
    this.#draw();
    if (this.#running && !this.#still.matches) requestAnimationFrame(() => this.#grow());
  }

  #draw() {
    const width = Math.max(280, this.#svg.parentElement?.clientWidth ?? 0);
    const trackHeight = headHeight + this.#requests * rowHeight + 12;
    const height = this.#tracks.length * trackHeight + axisHeight;
    const now = this.#running && !this.#still.matches ? performance.now() - this.#began : 0;
    const scale = this.#scale(now, width);
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.#svg.setAttribute('width', String(width));
    this.#svg.setAttribute('height', String(this.#tracks.length === 0 ? 0 : height));
    this.#svg.replaceChildren(
      hatch(),
      ...this.#grid(scale, height),
      ...this.#tracks.map((track, index) => this.#track(track, index * trackHeight, scale, now)),
    );
  }

  /** Milliseconds to pixels; grows by half waits, so that the picture does not breathe. @param {number} now @param {number} width */
  #scale(now, width) {
    const arrivals = this.#tracks.flatMap((track) => [...track.arrivals.values()]);
    const last = Math.max(now, ...arrivals.map(({ at }) => at));
    const step = this.#wait / 2 || 1;
    const most = Math.max(4, Math.ceil((last * 1.04) / step)) * step;
    const room = width - margin.left - margin.right;
    return { step, most, x: (/** @type {number} */ ms) => margin.left + (Math.min(ms, most) / most) * room };
  }

  /** @param {{ step: number, most: number, x: (ms: number) => number }} scale @param {number} height */
  #grid({ step, most, x }, height) {
    const steps = Math.round(most / step);
    const each = Math.ceil(steps / (x(most) < 500 ? 4 : 9));
    return Array.from({ length: steps + 1 }, (_, n) => n)
      .filter((n) => n % each === 0)
      .flatMap((n) => {
        const at = x(n * step);
        return [
          make('line', 'grid', { x1: at, x2: at, y1: 4, y2: height - axisHeight + 4 }),
          words('tick', at, height - 6, `${n * step} ms`, n === 0 ? 'start' : 'middle'),
        ];
      });
  }

  /** @param {Track} track @param {number} top @param {{ x: (ms: number) => number }} scale @param {number} now */
  #track({ id, carrier, arrivals }, top, { x }, now) {
    const group = make('g', `track ${id}`, {});
    const last = Math.max(0, ...[...arrivals.values()].map(({ at }) => at));
    const done = arrivals.size === this.#requests;
    group.append(words('carrier', margin.left, top + 19, carrier, 'start'));
    const { width } = this.#svg.viewBox.baseVal;
    const all = width < 420 ? '' : `all ${this.#requests} after `; // on a phone the carrier's name needs the room
    const sum = done ? `${all}${Math.round(last)} ms` : `${arrivals.size} of ${this.#requests}`;
    group.append(words('sum', width - 4, top + 19, sum, 'end'));

    for (let number = 1; number <= this.#requests; number += 1) {
      const y = top + headHeight + (number - 1) * rowHeight;
      const arrival = arrivals.get(number);
      const at = arrival?.at ?? now;
      const began = arrival ? Math.max(0, at - this.#wait) : 0;
      group.append(
        make('rect', 'queued', {
          x: x(0),
          y,
          width: x(began) - x(0),
          height: barHeight,
          fill: 'url(#hatch)',
        }),
      );
      const kind = arrival ? 'runs' : 'open';
      group.append(make('rect', kind, { x: x(began), y, width: x(at) - x(began), height: barHeight, rx: 2 }));
      if (arrival) group.append(...marks(arrival, id, x(at), y));
    }
    return group;
  }
}

/** @param {Arrival} arrival @param {string} id @param {number} x @param {number} y */
function marks({ answer, number, at }, id, x, y) {
  const good = answer.ok && answer.status === 200;
  const mark = make('circle', good ? 'mark' : 'mark failed', { cx: x, cy: y + barHeight / 2, r: 5 });
  mark.dataset['cell'] = id;
  mark.dataset['number'] = String(number);
  mark.dataset['at'] = String(at);
  const label = answer.ok ? (good ? answer.lane : String(answer.status)) : 'failed';
  return [mark, words('lane', x + 9, y + barHeight - 1, label, 'start')];
}

/** Hatching, so that waiting in line differs not by colour alone. */
function hatch() {
  const pattern = make('pattern', '', {
    id: 'hatch',
    width: 5,
    height: 5,
    patternUnits: 'userSpaceOnUse',
    patternTransform: 'rotate(45)',
  });
  pattern.append(make('line', 'hatch', { x1: 0, x2: 0, y1: 0, y2: 5 }));
  const defs = make('defs', '', {});
  defs.append(pattern);
  return defs;
}

/** @param {string} name @param {number} x @param {number} y @param {string} text @param {'start' | 'middle' | 'end'} anchor */
function words(name, x, y, text, anchor) {
  const made = make('text', name, { x, y, 'text-anchor': anchor });
  made.textContent = text;
  return made;
}

/** @param {string} name @param {string} className @param {Record<string, string | number>} attributes */
function make(name, className, attributes) {
  const made = /** @type {SVGElement} */ (document.createElementNS('http://www.w3.org/2000/svg', name));
  if (className) made.setAttribute('class', className);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
