// What the bench asks of every server, and the answer that each of them has to give.
export interface Load {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Lines of the request's head, beside Host. */
  readonly headers: readonly string[];
  readonly body: string;
  /** Requests that a connection sends at once. */
  readonly pipelined: number;
  /** A script of wrk in bench/loads; null for a plain GET. */
  readonly script: string | null;
  readonly connections: number;
  /** Least seconds of a slice; fewer rounds then. */
  readonly seconds?: number;
  /** The app blocks: only for those that say that they take part. */
  readonly blocks?: true;
  readonly answer: Answer;
}

export interface Answer {
  readonly type: string;
  readonly body: string;
  /** A stream has no length that its app knows: it must come in chunks. */
  readonly chunked: boolean;
}

/** What Firefox sends, beside Host: twelve headers. */
const browser = [
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Language: en-US,en;q=0.9,de;q=0.8',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Cookie: session=2f6c1a9be04d4c0d8c1f; theme=dark; seen=1',
  'Referer: http://127.0.0.1/somewhere/else?with=query',
  'Sec-Fetch-Dest: document',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Site: same-origin',
  'Cache-Control: max-age=0',
  'Upgrade-Insecure-Requests: 1',
];
const text: Answer = { type: 'text/plain', body: 'Hello, World!', chunked: false };
const octets = { type: 'application/octet-stream' };
const posted = 'x'.repeat(16 * 1024);
const uploaded = 'x'.repeat(1024 * 1024);

const get: Load = {
  method: 'GET',
  path: '/',
  headers: [],
  body: '',
  pipelined: 1,
  script: null,
  connections: 64,
  answer: text,
};

export const loads: Readonly<Record<string, Load>> = {
  hello: get,
  'hello, 12 headers': { ...get, headers: browser },
  'echo 16 KiB': {
    ...get,
    method: 'POST',
    headers: ['Content-Type: application/octet-stream'],
    body: posted,
    script: 'echo.lua',
    answer: { ...octets, body: posted, chunked: false },
  },
  'stream 64 x 1 KiB': {
    ...get,
    path: '/stream',
    answer: { ...octets, body: 'x'.repeat(64 * 1024), chunked: true },
  },
  'pipelined x16': { ...get, pipelined: 16, script: 'pipeline.lua' },
  'upload 1 MiB': {
    ...get,
    method: 'POST',
    path: '/upload',
    headers: ['Content-Type: application/octet-stream'],
    body: uploaded,
    script: 'upload.lua',
    answer: { ...text, body: String(uploaded.length) },
  },
  'hello, one connection': { ...get, connections: 1 },
  // 16 threads can give 800 requests a second; where a slice begins and ends some are cut off
  'blocking 20 ms': { ...get, path: '/sleep', seconds: 2, blocks: true },
};
