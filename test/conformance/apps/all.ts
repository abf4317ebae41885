// All the apps in one, so that a file of tests starts each carrier once: the path's first segment says which.
import type { AsyncApp, Receive, Scope, Send } from '../../../src/async/interface.ts';
import type { Environ, ResponseBody, StartResponse, SyncApp } from '../../../src/sync/interface.ts';
import * as closer from './closer.ts';
import * as counter from './counter.ts';
import * as echo from './echo.ts';
import * as errors from './errors.ts';
import * as given from './given.ts';
import * as infinite from './infinite.ts';
import * as length from './length.ts';
import * as life from './life.ts';
import * as offers from './offers.ts';
import * as reader from './reader.ts';
import * as reflect from './reflect.ts';
import * as slow from './slow.ts';
import * as socket from './socket.ts';
import * as starter from './starter.ts';
import * as thrower from './thrower.ts';
import * as ticker from './ticker.ts';

/** One behaviour, two spellings. */
interface Twins {
  readonly sync: SyncApp;
  readonly async: AsyncApp;
}

export type AppName =
  | 'closer'
  | 'counter'
  | 'echo'
  | 'errors'
  | 'given'
  | 'infinite'
  | 'length'
  | 'life'
  | 'offers'
  | 'reader'
  | 'reflect'
  | 'slow'
  | 'socket'
  | 'starter'
  | 'thrower'
  | 'ticker';

const apps: Readonly<Record<AppName, Twins>> = {
  closer,
  counter,
  echo,
  errors,
  given,
  infinite,
  length,
  life,
  offers,
  reader,
  reflect,
  slow,
  socket,
  starter,
  thrower,
  ticker,
};

/** `more` is there to be passed on: a server that gives a third argument is found out by `counter`. */
export function sync(environ: Environ, startResponse: StartResponse, ...more: never[]): ResponseBody {
  return Reflect.apply(twinsOf(environ.PATH_INFO).sync, undefined, [environ, startResponse, ...more]);
}

export async function async(scope: Scope, receive: Receive, send: Send, ...more: never[]): Promise<void> {
  const twins = scope.type === 'lifespan' ? life : twinsOf(scope.path);
  await Reflect.apply(twins.async, undefined, [scope, receive, send, ...more]);
}

/** Reflects where the path names none of them: `/`, and paths that are a test's subject. */
function twinsOf(path: string): Twins {
  const name = path.split('/')[1] ?? '';
  return Object.hasOwn(apps, name) ? apps[name as AppName] : reflect;
}
