// What has to be there before a run: the peers, and dist, as a user has it, built anew where src is younger.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

export interface Code {
  /** `dist of 52e3310, built 2026-11-24T08:20:00Z`. */
  readonly said: string;
  /** Short, with `+` behind it where something is not committed; null outside of a clone. */
  readonly commit: string | null;
}

/** Installs the peers where they are missing. */
export function peersThere(): void {
  if (existsSync(`${root}bench/node_modules`)) return;
  process.stderr.write('The peers are missing: npm ci --prefix bench\n');
  execFileSync('npm', ['ci', '--prefix', 'bench', '--no-audit', '--no-fund'], { cwd: root, stdio: 'ignore' });
}

/** Builds where dist is missing or older than a file of src. */
export function measuredCode(): Code {
  const built = `${root}dist/index.js`;
  if (!existsSync(built) || statSync(built).mtimeMs < youngest(`${root}src`)) {
    process.stderr.write('dist is missing or older than src: npm run build\n');
    execFileSync('npm', ['run', '-s', 'build'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  }
  const commit = commitOf();
  const since = statSync(built)
    .mtime.toISOString()
    .replace(/\.\d+Z$/, 'Z');
  return { said: `dist of ${commit ?? 'an unknown commit'}, built ${since}`, commit };
}

function youngest(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((time, { parentPath, name }) => Math.max(time, statSync(`${parentPath}/${name}`).mtimeMs), 0);
}

function commitOf(): string | null {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changed = git('status', '--porcelain', '--', 'src').length > 0;
    return git('rev-parse', '--short', 'HEAD') + (changed ? '+' : '');
  } catch {
    return null;
  }
}
