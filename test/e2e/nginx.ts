// A real nginx on 127.0.0.1, of one configuration, gone with its folder when it is disposed of.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { stop } from '../support/stop.ts';

export const nginxPath = '/usr/sbin/nginx';

/** How long a wait may take, in milliseconds. */
const patience = 10_000;
const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

export class Nginx implements AsyncDisposable {
  readonly folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string) {
    this.folder = folder;
    const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'];
    this.#child = spawn(nginxPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }

  /** Resolves once it listens. `http` is what stands in its http block; it may use the folder. */
  static async start(http: (folder: string) => string): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), 'dualgate-nginx-'));
    const paths = temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n');
    const user = process.getuid?.() === 0 ? 'user root;' : '';
    const main = `${user} daemon off; master_process off; pid ${folder}/pid; error_log stderr notice;`;
    const config = `${main}\nevents {}\nhttp { access_log off; ${paths}\n${http(folder)} }\n`;
    writeFileSync(join(folder, 'nginx.conf'), config);
    const nginx = new Nginx(folder);
    await nginx.#listening();
    return nginx;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#child, patience);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** It opens its sockets before it says its name. */
  async #listening(): Promise<void> {
    let said = '';
    const child = this.#child;
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`nginx ${why}: ${said}`));
      const timer = setTimeout(fail, patience, 'did not start');
      child.once('error', reject);
      child.once('exit', (code) => fail(`ended with ${code}`));
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (!/notice.* nginx\//.test(said)) return;
        clearTimeout(timer);
        resolve();
      });
    }).catch(async (error: unknown) => {
      await this[Symbol.asyncDispose]();
      throw error;
    });
  }
}

/** Ports that were free a moment ago: nginx cannot be asked which one it has taken. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  // A server that listens on TCP has such an address.
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

export interface Asked {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** GET, as a client with another address than its proxy: Linux has all of 127.0.0.0/8. */
export async function ask(
  url: string,
  headers: Record<string, string> = {},
  options: { localAddress?: string; socketPath?: string } = { localAddress: '127.0.0.2' },
): Promise<Asked> {
  const asked = request(url, { headers, agent: false, timeout: patience, ...options });
  asked.on('timeout', () => asked.destroy(new Error(`${url} did not answer`)));
  asked.end();
  const [response] = await once(asked, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { status: response.statusCode, headers: response.headers, text };
}
