// A real Apache with mod_cgid on 127.0.0.1, of one configuration, gone with its folder when it is disposed of.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { stop } from '../support/stop.ts';

const program = '/usr/sbin/apache2';
const modules = '/usr/lib/apache2/modules';
const home = fileURLToPath(new URL('../../', import.meta.url));
const patience = 10_000;

/** Why there is no Apache to test with; null where there is one. */
export function apacheMissing(): string | null {
  if (!existsSync(program) || !existsSync(modules)) return 'apache2 is not installed';
  if (process.getuid?.() !== 0) return null;
  // Apache gives root up: its user has to reach this folder.
  const script = 'require("node:fs").readFileSync("package.json")';
  const { status } = spawnSync(process.execPath, ['-e', script], { cwd: home, ...wwwData() });
  return status === 0 ? null : 'www-data cannot read this folder';
}

function wwwData(): { uid: number; gid: number } {
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, 'www-data']).stdout));
  return { uid: uid ?? 33, gid: gid ?? 33 };
}

export class Apache implements AsyncDisposable {
  readonly folder: string;
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    this.#child = spawn(program, ['-f', join(folder, 'apache.conf'), '-D', 'FOREGROUND'], {
      stdio: 'ignore',
    });
  }

  /** Resolves once it accepts connections. `config` may use the folder; scripts in it are made executable by their writer. */
  static async start(port: number, config: (folder: string) => string): Promise<Apache> {
    const folder = mkdtempSync(join(tmpdir(), 'dualgate-apache-'));
    chmodSync(folder, 0o777); // its user writes a socket and a log here
    const load = ['mpm_event', 'authz_core', 'alias', 'env', 'cgid', 'unixd'].map((name) => {
      const file = join(modules, `mod_${name}.so`);
      return existsSync(file) ? `LoadModule ${name}_module ${file}` : ''; // built in
    });
    const user = process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : '';
    const own = `ServerRoot ${folder}\nServerName localhost\nListen 127.0.0.1:${port}\n${user}
PidFile ${folder}/pid\nErrorLog ${folder}/error.log\nScriptSock ${folder}/cgid\nDefaultRuntimeDir ${folder}
DocumentRoot ${folder}\nStartServers 1\nServerLimit 1\nThreadsPerChild 8\nMaxRequestWorkers 8\nGracefulShutdownTimeout 1`;
    writeFileSync(join(folder, 'apache.conf'), `${load.join('\n')}\n${own}\n${config(folder)}\n`);
    const apache = new Apache(folder, port);
    await apache.#listening();
    return apache;
  }

  /** What it has logged so far, standard error of the scripts included. */
  get errors(): string {
    const file = join(this.folder, 'error.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  async said(what: RegExp): Promise<void> {
    for (const end = performance.now() + patience; !what.test(this.errors); await delay(10)) {
      if (performance.now() > end) throw new Error(`Apache did not log ${what}: ${this.errors}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#child, patience);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** It opens its sockets before it has read all of its configuration; then it says so. */
  async #listening(): Promise<void> {
    for (const end = performance.now() + patience; ; await delay(10)) {
      if (this.errors.includes('resuming normal operations')) return;
      if (this.#child.exitCode === null && performance.now() < end) continue;
      const why = this.errors;
      await this[Symbol.asyncDispose]();
      throw new Error(`Apache did not start: ${why}`);
    }
  }
}
