// A native addon that only one thread of a process can load: what to say of it.
import { asError, GatewayError, look } from '../../core/errors.ts';
import type { AppSource } from '../../core/load.ts';

/** How many causes of causes are looked at. */
const depth = 8;

/** The error itself, unless its cause is such an addon (Node, "Context-aware addons"). */
export function forOneThreadOnly(thrown: unknown, source: AppSource): unknown {
  let cause: unknown = thrown;
  for (let left = depth; left > 0 && cause !== undefined; left--) {
    const error = asError(cause);
    const isDlopen = look(() => Reflect.get(error, 'code')) === 'ERR_DLOPEN_FAILED';
    if (isDlopen && /did not self-register/.test(error.message)) {
      const [, file = 'it'] = /'(.*)'/.exec(error.message) ?? [];
      const why = `the native addon "${file}" can be loaded by one thread of a process only`;
      return new GatewayError(
        'APP_LOAD',
        `Cannot load "${source.shown}": ${why}; serve it with --threads 0, and start more processes`,
        { cause: thrown },
      );
    }
    cause = look(() => error.cause);
  }
  return thrown;
}
