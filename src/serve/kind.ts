// Is this app sync or async? What it takes tells, and --interface where that does not.
import type { AsyncApp } from '../async/interface.ts';
import { GatewayError } from '../core/errors.ts';
import type { AnyApp } from '../core/load.ts';
import type { SyncApp } from '../sync/interface.ts';

export type Kind = 'sync' | 'async';
/** An app that was looked at. `takes` is what was found, such as `(scope, receive, send)`. */
export type Known = { readonly shown: string; readonly takes: string } & (
  | { readonly kind: 'sync'; readonly app: SyncApp }
  | { readonly kind: 'async'; readonly app: AsyncApp }
);

/**
 * An async function, or one of 3 parameters, is an async app; another one of 2 is a sync app (PEP 3333, "The
 * Application/Framework Side"; ASGI, "Applications"). `asked` decides where these say nothing.
 * Throws GatewayError APP_KIND for what is neither, or cannot be what was asked for.
 */
export function knownApp(app: AnyApp, shown: string, asked: 'auto' | Kind): Known {
  const takes = takesOf(app);
  const make = makeOf(app);
  const why = asked === 'auto' ? undefined : impossible(make, asked);
  if (why) throw new GatewayError('APP_KIND', `Cannot run "${shown}" as ${article(asked)} app: it is ${why}`);
  const kind = asked === 'auto' ? kindOf(app, make, takes) : asked;
  if (!kind) {
    throw new GatewayError(
      'APP_KIND',
      `Cannot tell what kind of app "${shown}" is: ${puzzle(app, make, takes)}`,
    );
  }
  // Its parameters say so, or the user does.
  return kind === 'sync'
    ? { kind, app: app as unknown as SyncApp, shown, takes }
    : { kind, app: app as unknown as AsyncApp, shown, takes };
}

export function article(kind: string): string {
  return kind === 'async' ? 'an async' : `a ${kind}`;
}

type Make = 'function' | 'async function' | 'generator' | 'async generator' | 'class';

function makeOf(app: AnyApp): Make {
  if (/^class\b/.test(Function.prototype.toString.call(app))) return 'class';
  const tag = Object.prototype.toString.call(app);
  if (tag === '[object AsyncFunction]') return 'async function';
  if (tag === '[object GeneratorFunction]') return 'generator';
  return tag === '[object AsyncGeneratorFunction]' ? 'async generator' : 'function';
}

function kindOf(app: AnyApp, make: Make, takes: string): Kind | undefined {
  if (make === 'class' || make === 'async generator') return undefined;
  // an async (environ, startResponse) is a sync app that somebody made async: neither server could run it
  if (make === 'async function') return /^\(_?env\w*, /.test(takes) ? undefined : 'async';
  if (app.length === 2) return 'sync';
  return app.length === 3 && make === 'function' ? 'async' : undefined;
}

/** Why a function of this make can never be of that kind. */
function impossible(make: Make, kind: 'auto' | Kind): string | undefined {
  if (make === 'class') return 'a class, an app is a function: export a bound method of an instance';
  if (make === 'async generator') return 'an async generator function';
  if (make === 'async function' && kind === 'sync')
    return 'an async function, a sync app returns its body itself';
  return make === 'generator' && kind === 'async'
    ? 'a generator function, an async app is awaited'
    : undefined;
}

function puzzle(app: AnyApp, make: Make, takes: string): string {
  const why = impossible(make, 'auto');
  if (why) return `it is ${why}`;
  const factory = app.length < 2 ? ', or --factory where it makes the app' : '';
  const is = make === 'function' ? 'it takes' : `it is ${/^a/.test(make) ? 'an' : 'a'} ${make} of`;
  return `${is} ${takes}, an app takes (environ, startResponse) or async (scope, receive, send); say --interface sync or --interface async${factory}`;
}

/** The parameters as the source has them, where they are plain names; else their number. */
function takesOf(app: AnyApp): string {
  const text = Function.prototype.toString.call(app);
  const list = /^(?:async\s*)?(?:function\b\s*\*?)?\s*[\w$]*\s*\(([\w$\s,.]*)\)/.exec(text)?.[1];
  const names = list
    ?.split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  // a list that does not count up to the function's length is not its list
  if (names && names.filter((name) => !name.startsWith('...')).length === app.length) {
    return `(${names.join(', ')})`;
  }
  return `${app.length} parameter${app.length === 1 ? '' : 's'}`;
}
