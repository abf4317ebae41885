// A log that keeps one call's errors back until it is known who reports them: this side of the bridge, or the other.
import type { Fields, Log } from '../core/log.ts';

/** A log that hands everything on; what is special about it says its error(). */
class PassingLog implements Log {
  readonly level: Log['level'];
  protected readonly log: Log;

  constructor(log: Log) {
    this.log = log;
    this.level = log.level;
  }

  debug(message: string, fields?: Fields): void {
    this.log.debug(message, fields);
  }

  info(message: string, fields?: Fields): void {
    this.log.info(message, fields);
  }

  warn(message: string, fields?: Fields): void {
    this.log.warn(message, fields);
  }

  error(message: string, fields?: Fields): void {
    this.log.error(message, fields);
  }
}

/**
 * Both wings log what an app throws. An error that crosses a bridge would be logged twice, so the near side's line about
 * it (the one with `error`) is held: released where the error stays here, dropped where it goes on.
 */
export class HeldLog extends PassingLog {
  #lines: Array<readonly [message: string, fields: Fields | undefined]> = [];

  override error(message: string, fields?: Fields): void {
    if (fields?.['error'] === undefined) this.log.error(message, fields);
    else this.#lines.push([message, fields]);
  }

  release(): void {
    for (const [message, fields] of this.#lines) this.log.error(message, fields);
    this.#lines = [];
  }
}

/** An executor's log, which names the call of each error in `request`: those of calls under way are held. */
export class CallLog extends PassingLog {
  readonly #held = new Map<unknown, HeldLog>();

  override error(message: string, fields?: Fields): void {
    (this.#held.get(fields?.['request']) ?? this.log).error(message, fields);
  }

  hold(call: string): HeldLog {
    const held = new HeldLog(this.log);
    this.#held.set(call, held);
    return held;
  }

  letGo(call: string): void {
    this.#held.delete(call);
  }
}
