// Header names with "_": `X_Forwarded_For` is the same variable as `X-Forwarded-For` in CGI, and in what learnt from it.
import type { ByteString } from '../core/bytes.ts';
import { HttpError } from '../core/errors.ts';

/** drop: as if it had not been sent. refuse: 400. allow: both wings see it; as a variable it joins its twin. */
export type Underscores = 'drop' | 'refuse' | 'allow';

/** Does a field of this name stay? Throws HttpError 400 where the policy is to refuse it. */
export function keeps(name: ByteString, policy: Underscores): boolean {
  if (policy === 'allow' || !name.includes('_')) return true;
  if (policy === 'drop') return false;
  throw new HttpError(400, `Cannot take the header "${name}": names with "_" are refused`);
}
