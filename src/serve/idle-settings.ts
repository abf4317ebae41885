// Settings that are right by themselves, and that do nothing for the app that is served, where it runs.
import { type Setting, type SettingName, type Settled, table } from './settings.ts';

/** What holds for threads alone. `timeout` is not among them: on the event loop it is logged. */
const ofThreads: readonly SettingName[] = [
  'requestTimeout',
  'maxRequests',
  'maxRequestsJitter',
  'maxThreadMemory',
  'warmThreads',
  'maxStuckThreads',
  'threadMode',
  'printIds',
  'queue',
];

/** A line for each reason; only what somebody has changed is named. */
export function idleSettings(config: Settled, app: { kind: 'sync' | 'async'; threads: number }): string[] {
  const lines: string[] = [];
  const say = (names: readonly SettingName[], why: string): void => {
    const said = table.filter((row) =>
      names.some((name) => name === row.name && changed(config[name], row.default)),
    );
    if (said.length === 0) return;
    const shown = said.map((row) => `${row.name} (${row.flags[0]})`).join(', ');
    lines.push(`${shown} ${said.length === 1 ? 'does' : 'do'} nothing here: ${why}`);
  };
  if (app.threads === 0) say(ofThreads, 'the app is not on threads');
  if (app.kind === 'async') say(['environ'], 'an async app has no environ');
  return lines;
}

function changed(value: unknown, usual: Setting['default']): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== usual;
}
