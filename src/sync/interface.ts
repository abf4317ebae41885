// The sync contract: what a server owes an app, and an app a server. PEP 3333, in TypeScript.
import type { ByteString, HeaderList } from '../core/bytes.ts';

/** The part of an environ that is plain data, and so may cross a thread. */
export interface EnvironData {
  REQUEST_METHOD: ByteString;
  SCRIPT_NAME: ByteString;
  PATH_INFO: ByteString;
  QUERY_STRING: ByteString;
  SERVER_NAME: ByteString;
  SERVER_PORT: ByteString;
  SERVER_PROTOCOL: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';
  CONTENT_TYPE?: ByteString;
  CONTENT_LENGTH?: ByteString;
  REMOTE_ADDR?: ByteString;
  REMOTE_PORT?: ByteString;
  HTTPS?: 'on';
  /** CGI names are upper case and hold text: HTTP_*, SSL_*, and what the deployer adds. */
  [cgi: Uppercase<string>]: ByteString | undefined;

  'wsgi.version': readonly [1, 0];
  'wsgi.url_scheme': 'http' | 'https';
  'wsgi.multithread': boolean;
  'wsgi.multiprocess': boolean;
  'wsgi.run_once': boolean;
  'wsgi.input_terminated': true;
  /** Dotted names are extensions and hold anything. */
  [extension: `${string}.${string}`]: unknown;
}

export interface Environ extends EnvironData {
  'wsgi.input': InputStream;
  'wsgi.errors': ErrorStream;
}

export interface InputStream extends Iterable<Uint8Array> {
  /** Up to `size` bytes; all the rest when `size` is left out or negative; empty at the end, again and again. */
  read(size?: number): Uint8Array;
  readline(limit?: number): Uint8Array;
  readlines(hint?: number): Uint8Array[];
}

export interface ErrorStream {
  write(text: string): void;
  writelines(lines: Iterable<string>): void;
  flush(): void;
}

export type StatusLine = `${number} ${string}`;
export type ResponseHeaders = Array<[name: ByteString, value: ByteString]>;
export type Write = (chunk: Uint8Array) => void;
/** `error` is the spec's exc_info: one value, because a JavaScript Error carries its own type and trace. */
export type StartResponse = (status: StatusLine, headers: ResponseHeaders, error?: Error) => Write;

export interface ResponseBody extends Iterable<Uint8Array> {
  /** The server calls this exactly once, whatever happened. */
  close?(): void;
}

export type SyncApp = (environ: Environ, startResponse: StartResponse) => ResponseBody;

/** environ['wsgi.websocket'] on an upgrade request: a socket that one can block on. */
export interface BlockingWebSocket {
  readonly subprotocols: readonly string[];
  /** The first receive or send does it when the app doesn't. startResponse before it is the denial; after it the app returns [] and calls no startResponse. */
  accept(options?: { subprotocol?: string; headers?: HeaderList }): void;
  /** The next message; null once closed; throws TimeoutError after `timeout` ms. */
  receive(timeout?: number): string | Uint8Array | null;
  /** Blocks while the peer is slow. */
  send(message: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
}

/** What a server owes an app and an app a server, clause by clause. The ids are those of the tests' titles. */
export const clauses = {
  'W-01': 'An app is any callable of two positional arguments, and may be called many times.',
  'W-02': 'The server calls the app with exactly two positional arguments.',
  'W-03': 'The environ is a plain object, fresh for each request; what the app changes in it does not leak.',
  'W-04': 'REQUEST_METHOD is always there and never empty.',
  'W-06': 'PATH_INFO is the rest of the path; SCRIPT_NAME or PATH_INFO is not empty.',
  'W-07': 'PATH_INFO is percent-decoded, one character an octet.',
  'W-08': 'QUERY_STRING is raw, and empty where there is none.',
  'W-09': 'CONTENT_TYPE and CONTENT_LENGTH come without HTTP_; their HTTP_ forms do not exist.',
  'W-10': 'SERVER_NAME and SERVER_PORT are always there, never empty, and strings.',
  'W-11': 'SERVER_PROTOCOL is the protocol that the client used.',
  'W-12': 'Each request header is an HTTP_ variable; repeats are joined, cookies by "; ", others by ",".',
  'W-13': 'A key without a dot holds a string; what is missing is left out.',
  'W-14': 'wsgi.version is [1, 0].',
  'W-15': 'wsgi.url_scheme is http or https.',
  'W-16':
    'wsgi.input, wsgi.errors, wsgi.multithread, wsgi.multiprocess and wsgi.run_once are there, and true to the server.',
  'W-23':
    'A header whose name would collide with another after "-" became "_" is dropped, never merged, unless a setting allows it.',
  'W-30': 'wsgi.input has read, readline, readlines and iteration.',
  'W-31': 'wsgi.errors has write, writelines and flush.',
  'W-32': 'Reading past the end gives empty bytes, again and again.',
  'W-33': 'read() without a size returns the rest.',
  'W-34': 'readline(size) returns at most size bytes.',
  'W-38':
    'The server decodes the transfer coding: the app sees plain bytes, and wsgi.input_terminated is true.',
  'W-39': 'An upload that breaks off is an error, never an end.',
  'W-40': 'What the app leaves unread of a body does not reach the next request.',
  'W-50': 'startResponse takes a status, headers and at most an error, and returns write.',
  'W-51': 'The status is three digits, one space and a reason, with no control character.',
  'W-52': 'The headers are an array of pairs of strings.',
  'W-53': 'A header name is a token, not "Status", and does not end in "-" or "_".',
  'W-54': 'A header value has no control character and no character beyond U+00FF.',
  'W-55': "Hop-by-hop headers are the server's.",
  'W-56': 'A bad head is refused inside startResponse, on the line of the app that called it.',
  'W-57':
    'The head leaves with the first piece that is not empty, with the end, or with write(); not before.',
  'W-58': 'startResponse is called a second time only with an error.',
  'W-59': 'startResponse with an error replaces the head while it is unsent.',
  'W-60': 'startResponse with an error throws that error once the head is sent.',
  'W-63': 'startResponse may be called as late as during the first iteration.',
  'W-64': 'An app that never calls startResponse is answered with 500.',
  'W-65': 'The server adds Date where the app gave none.',
  'W-70':
    'write() sends before it returns, before anything of the iterable; it takes bytes, after startResponse.',
  'W-72': 'The app returns an iterable, always.',
  'W-75': 'Each piece is on its way before the next is asked for.',
  'W-76': 'One piece and no write(): the server knows the Content-Length.',
  'W-77': 'close() is called exactly once, whatever happened.',
  'W-78': 'An empty iterable still sends the head.',
  'W-79': "No more bytes than the app's Content-Length leave the server.",
  'W-80': "Too few bytes for the app's Content-Length: the connection is cut and the log says so.",
  'W-81':
    'Without a Content-Length an answer is chunked on HTTP/1.1, and ends with the connection on HTTP/1.0.',
  'W-83':
    'An app that throws before its head is answered with 500; after it the connection is cut. close() still runs.',
  'W-84': 'An iterable may be closed before its end.',
  'W-85': 'HEAD, 204 and 304 carry no body.',
  'W-86': '100 Continue is sent at the first read, to HTTP/1.1 only.',
} as const;
export type Clause = keyof typeof clauses;
