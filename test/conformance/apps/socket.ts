// A WebSocket app of many modes; the sync contract has no socket yet, so its twin answers 426.
import type { Receive, ReceiveEvent, Scope, Send, SendEvent } from '../../../src/async/interface.ts';
import type { Environ, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import { gate, note } from '../../support/report.ts';
import { type Asked, askedOf, bytesOf, plain } from './asked.ts';

export const sync: SyncApp = (_environ: Environ, startResponse: StartResponse) => {
  startResponse('426 Upgrade Required', [...plain]);
  return [bytesOf('No sockets here')];
};

export async function async(scope: Scope, receive: Receive, send: Send): Promise<void> {
  if (scope.type === 'http') {
    await send({ type: 'http.response.start', status: 200, headers: plain });
    await send({ type: 'http.response.body', body: bytesOf('No upgrade') });
    return;
  }
  if (scope.type !== 'websocket') throw new Error(`This app does not speak ${scope.type}`);
  const asked = askedOf(scope);
  try {
    await modes[asked.mode]?.({ scope, receive, send, asked });
  } catch (error) {
    note(asked.report, 'threw', { name: (error as Error).name, code: Reflect.get(error as Error, 'code') }); // an Error
    throw error;
  } finally {
    note(asked.report, 'over');
  }
}

interface Talk {
  readonly scope: Scope<'websocket'>;
  readonly receive: Receive;
  readonly send: Send;
  readonly asked: Asked;
}

const accept: SendEvent = { type: 'websocket.accept' };

const modes: Readonly<Record<string, (talk: Talk) => Promise<void>>> = {
  /** Gives each message back; a few words make it do something else. */
  async echo({ receive, send, asked }) {
    await receive();
    await send(accept);
    for (;;) {
      const event = await receive();
      if (event.type === 'websocket.disconnect') {
        note(asked.report, 'disconnect', { code: event.code, reason: event.reason });
        return;
      }
      if (event.type !== 'websocket.receive') return;
      if (event.text === 'close') return await send({ type: 'websocket.close' });
      if (event.text === 'close 4001') {
        return await send({ type: 'websocket.close', code: 4001, reason: 'asked for' });
      }
      if (event.text === 'return') return;
      if (event.text === 'throw') throw new Error('secret-socket');
      await send(
        event.text === undefined
          ? { type: 'websocket.send', bytes: event.bytes }
          : { type: 'websocket.send', text: event.text },
      );
    }
  },
  /** What it was given: the scope, the first event, and every later one's shape. */
  async reflect({ scope, receive, send }) {
    const first = await receive();
    await send(accept);
    await send({ type: 'websocket.send', text: JSON.stringify({ scope, first }) });
    for (;;) {
      const event = await receive();
      if (event.type !== 'websocket.receive') return;
      await send({ type: 'websocket.send', text: JSON.stringify(shapeOf(event)) });
    }
  },
  /** Nothing is answered until the test opens the gate. */
  async gated({ receive, send, asked }) {
    const first = await receive();
    note(asked.report, 'first', { type: first.type });
    await gate(asked.report, 'go');
    await send(accept);
    await send({ type: 'websocket.send', text: 'accepted' });
  },
  async choose({ receive, send, asked }) {
    await receive();
    const headers: [string, string][] = [
      ['x-chosen', 'yes'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ];
    await send({ type: 'websocket.accept', subprotocol: asked.query.get('choice') ?? '', headers });
    await receive();
  },
  /** accept must not carry the subprotocol as a header. */
  async smuggle({ receive, send, asked }) {
    await receive();
    try {
      await send({ type: 'websocket.accept', headers: [['Sec-WebSocket-Protocol', 'mine']] });
    } catch (error) {
      note(asked.report, 'refused', { clause: Reflect.get(error as Error, 'clause') }); // send throws errors
      throw error;
    }
  },
  async refuse({ receive, send }) {
    await receive();
    await send({ type: 'websocket.close', code: 4003, reason: 'not you' });
  },
  async deny({ receive, send }) {
    await receive();
    await send({
      type: 'websocket.http.response.start',
      status: 429,
      headers: [...plain, ['x-denied', 'yes']],
    });
    await send({ type: 'websocket.http.response.body', body: bytesOf('too '), more_body: true });
    await send({ type: 'websocket.http.response.body', body: bytesOf('many') });
  },
  async 'throw-first'() {
    throw new Error('secret-handshake');
  },
  async 'return-first'({ receive }) {
    await receive();
  },
  /** Sends before accept, both kinds in one event, none of them, and a text that is none. */
  async wrong({ receive, send, asked }) {
    const refused: string[] = [];
    const attempt = async (event: unknown): Promise<void> => {
      try {
        // On purpose: events that the types forbid.
        await send(event as SendEvent);
        refused.push('taken');
      } catch (error) {
        refused.push(String(Reflect.get(error as Error, 'clause')));
      }
    };
    await receive();
    await attempt({ type: 'websocket.send', text: 'too early' });
    await send(accept);
    await attempt({ type: 'websocket.send', text: 'a', bytes: bytesOf('b') });
    await attempt({ type: 'websocket.send' });
    await attempt({ type: 'websocket.send', text: 7 });
    await attempt({ type: 'websocket.close', code: 1005 });
    await attempt({ type: 'websocket.accept' });
    await attempt({ type: 'websocket.unheard.of' });
    note(asked.report, 'refused', { refused });
    await send({ type: 'websocket.send', text: JSON.stringify(refused) });
  },
  /** Goes on after the client has gone. */
  async stubborn({ receive, send, asked }) {
    await receive();
    await send(accept);
    const events: ReceiveEvent[] = [];
    for (let index = 0; index < 3; index += 1) events.push(await receive());
    note(asked.report, 'received', { events });
    await send({ type: 'websocket.send', text: 'is anybody there?' });
  },
  /** 64 KiB again and again: notes how many of them it got rid of. */
  async flood({ receive, send, asked }) {
    await receive();
    await send(accept);
    const bytes = new Uint8Array(65536);
    for (let count = 1; ; count += 1) {
      await send({ type: 'websocket.send', bytes });
      if (count % 8 === 0) note(asked.report, 'taken', { count });
    }
  },
  /** Doesn't receive until the gate is open; then counts up to `count` messages. */
  async deaf({ receive, send, asked }) {
    await receive();
    await send(accept);
    await gate(asked.report, 'listen', 20_000);
    const count = Number(asked.query.get('count') ?? 1);
    let bytes = 0;
    let inOrder = true;
    for (let index = 0; index < count; index += 1) {
      const event = await receive();
      if (event.type !== 'websocket.receive' || !event.bytes) return;
      bytes += event.bytes.length;
      inOrder &&= event.bytes[0] === index % 256;
    }
    await send({ type: 'websocket.send', text: JSON.stringify({ bytes, inOrder }) });
  },
};

function shapeOf(event: ReceiveEvent): Record<string, unknown> {
  const { type } = event;
  if (type !== 'websocket.receive') return { type };
  return event.text === undefined
    ? { type, bytes: event.bytes.length, isBytes: event.bytes instanceof Uint8Array }
    : { type, text: event.text };
}
