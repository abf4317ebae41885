// wsgi.early_hints: 103 before the answer, checked as a head is.
import { ContractError } from '../core/errors.ts';
import type { EarlyHints, ResponseHeaders } from './interface.ts';
import { checkHead } from './response-head.ts';

/** How many an answer may have: each is sent at once, whether the client reads or not. */
const most = 16;
/** Characters of one, names and values together. */
const longest = 16 * 1024;
/** Fields of the final head alone, though a head may have them. */
const final = /^(?:content-length|date|set-cookie)$/i;

/** `refused` says why none can be sent any more; null while one can. Throws ContractError W-111, and W-52 to W-55 as startResponse does. */
export function earlyHints(
  send: (headers: ResponseHeaders) => void,
  refused: () => string | null,
): EarlyHints {
  let count = 0;
  return (given) => {
    const why = count < most ? refused() : `there have been ${most} for this answer`;
    if (why !== null) throw new ContractError('W-111', `Early hints cannot be sent: ${why}`);
    const { headers } = checkHead('200 OK', given); // the fields are held to what a head may have
    check(headers);
    if (headers.length === 0) return;
    count += 1;
    send(headers);
  };
}

function check(headers: ResponseHeaders): void {
  let size = 0;
  for (const [name, value] of headers) {
    if (final.test(name)) {
      throw new ContractError('W-111', `The header "${name}" is no hint: give it to startResponse`);
    }
    size += name.length + value.length;
  }
  if (size <= longest) return;
  throw new ContractError('W-111', `Early hints of ${size} characters are too many: ${longest} at most`);
}
