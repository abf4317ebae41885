// SIGHUP: the certificates are read again, without a restart.
import { asError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

interface Reloadable {
  /** Throws where a file cannot be used; then all stays as it was. */
  reloadCertificates(): void;
}

/**
 * From now on; a signal that comes before the server is there is heeded once it is. Answers with what the server is to be
 * handed to. The handler stays to the end: the default would kill.
 */
export function hearHangup(log: Log): (served: Reloadable) => void {
  let served: Reloadable | undefined;
  let early = false;
  process.on('SIGHUP', () => {
    if (served) reload(served, log);
    else early = true;
  });
  return (one) => {
    served = one;
    if (early) reload(one, log);
  };
}

function reload(served: Reloadable, log: Log): void {
  try {
    served.reloadCertificates();
    log.info('SIGHUP: the certificates were read again; new connections get them');
  } catch (error) {
    log.error('SIGHUP: the certificates stay as they were', { error: asError(error) });
  }
}
