// Other versions of Node to measure on: each is the npm package "node", in a folder that git does not see.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface NodeBinary {
  readonly path: string;
  /** `v20.20.2`. */
  readonly version: string;
}

/** A version (`24`, `22.12.0`), which is installed where it is missing, or the path of a binary; null is this one. */
export function nodeBinary(wanted: string | null): NodeBinary {
  if (wanted === null) return { path: process.execPath, version: process.version };
  const path = /^\d+(\.\d+){0,2}$/.test(wanted) ? ofVersion(wanted) : wanted;
  return { path, version: execFileSync(path, ['-p', 'process.version'], { encoding: 'utf8' }).trim() };
}

function ofVersion(version: string): string {
  if (process.version.startsWith(`v${version}.`) || process.version === `v${version}`)
    return process.execPath;
  const folder = fileURLToPath(new URL(`.cache/node-${version}/`, import.meta.url));
  const binary = `${folder}node_modules/node/bin/node`;
  if (!existsSync(binary)) {
    process.stderr.write(`Node ${version} is not here yet: npm install node@${version}\n`);
    mkdirSync(folder, { recursive: true });
    // its install script fetches the binary for this machine, from the same registry
    const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts=false'];
    execFileSync('npm', [...args, `node@${version}`], { stdio: ['ignore', 'ignore', 'pipe'] }); // its error has what npm said
  }
  return binary;
}
