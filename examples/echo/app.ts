// npx dualgate serve examples/echo/app.ts:app
// Says back what it hears, text as text and bytes as bytes; "bye" ends the talk with code 1000.
// Try it: npx wscat -c ws://127.0.0.1:8000
import type { AsyncApp, Receive, Send } from 'dualgate/async';

export const app: AsyncApp = async (scope, receive, send) => {
  if (scope.type === 'http') return explain(send);
  if (scope.type !== 'websocket') throw new Error(`This app does not speak "${scope.type}"`);
  return echo(receive, send);
};

async function echo(receive: Receive, send: Send): Promise<void> {
  for (;;) {
    const event = await receive();
    switch (event.type) {
      case 'websocket.connect':
        await send({ type: 'websocket.accept' });
        break;
      case 'websocket.receive':
        if (event.text === 'bye') return send({ type: 'websocket.close', code: 1000, reason: 'bye' });
        if (event.text !== undefined) await send({ type: 'websocket.send', text: event.text });
        else await send({ type: 'websocket.send', bytes: event.bytes });
        break;
      default: // websocket.disconnect: the peer has closed, and there is nobody to answer
        return;
    }
  }
}

async function explain(send: Send): Promise<void> {
  const body = Buffer.from('This is an echo: open a WebSocket at this address\n');
  await send({ type: 'http.response.start', status: 200, headers: [['content-type', 'text/plain']] });
  await send({ type: 'http.response.body', body });
}
