// What the loop does with a slot whose thread ends at an awkward moment.
import { expect, test } from 'vitest';

import { GatewayError } from '../../../../src/core/errors.ts';
import { silent } from '../../../../src/core/log.ts';
import { Delivery } from '../../../../src/sync/threads/delivery.ts';
import { Early } from '../../../../src/sync/threads/early.ts';
import { Slots } from '../../../../src/sync/threads/slots.ts';
import { outFlag, state, word } from '../../../../src/sync/threads/words.ts';
import { TestCall } from '../carrier.ts';

test('a thread that died when its call was done, but before it said why it failed: the call is answered', async () => {
  const slots = Slots.make(2, 2, 1024);
  const released: number[] = [];
  const call = new TestCall({ path: '/x' });
  const depot = { slots, log: silent, early: new Early(1), laneOf: String };
  const delivery = new Delivery(call, { ...depot, over: () => {}, release: (slot) => released.push(slot) });
  delivery.load(1);
  slots.turn(1, state.ready, state.running + 1);
  slots.set(1, word.thread, 1);
  slots.add(1, word.outFlags, outFlag.failed);
  slots.set(1, word.state, state.done);
  delivery.look(); // the message that says why may still come
  expect(released).toEqual([]);
  expect([delivery.runsOn(0), delivery.runsOn(1)]).toEqual([false, true]);
  const why = new GatewayError('THREAD', 'It has ended');
  delivery.abandon(why);
  await delivery.settled;
  expect(call.failure).toMatchObject({ status: 500, cause: why });
  expect(released).toEqual([1]);
});
