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
  /** PEP 3333, "Optional Platform-Specific File Handling". Ours give it always. */
  'wsgi.file_wrapper'?: FileWrapping;
  /** Where the connection can carry a 103. */
  'wsgi.early_hints'?: EarlyHints;
  /** Is the client known to be gone? Costs nothing to ask, and blocks for nothing. Ours give it always. */
  'dualgate.client_disconnected'?: () => boolean;
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

/** What gives the bytes of a file: `read`, empty at the end; or a descriptor, from which the server reads by itself. */
export type FileLike =
  | { read(size: number): Uint8Array; close?(): unknown }
  | { readonly fd: number; close?(): unknown };

/** From the current position to the end, in pieces of `blockSize` bytes (64 KiB); nothing is read before it is iterated. */
export type FileWrapping = (file: FileLike, blockSize?: number) => ResponseBody;

/** Sends `103 Early Hints` at once: `link`, mostly (RFC 8297). Throws ContractError W-111 once the head has left. */
export type EarlyHints = (headers: ResponseHeaders) => void;

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

/**
 * What a server owes an app and an app a server, clause by clause; V- are what wsgiref.validate, Werkzeug and Rack::Lint
 * check besides. The ids are those of the tests' titles. clause-origins.ts says whose each is, and from where.
 */
export const clauses = {
  'W-01': 'An app is any callable of two positional arguments, and may be called many times.',
  'W-02': 'The server calls the app with exactly two positional arguments.',
  'W-03': 'The environ is a plain object, fresh for each request; what the app changes in it does not leak.',
  'W-04': 'REQUEST_METHOD is always there and never empty.',
  'W-05': 'SCRIPT_NAME is empty, or begins with "/" and does not end with it; it is never "/".',
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
  'W-17':
    'Over TLS, HTTPS is on, and SSL_PROTOCOL, SSL_CIPHER and, for a client certificate that is trusted, SSL_CLIENT_S_DN say what mod_ssl says.',
  'W-18': "Who deploys the app can add variables of his own, and cannot shadow one of the server's.",
  'W-19':
    'What the server adds is in lower case under wsgi. or dualgate., and docs/reference/environ.md has every key that it gives.',
  'W-21':
    "A string goes both ways with one character an octet; a character beyond U+00FF is an error on the app's own line. Bytes are Uint8Array.",
  'W-22': 'No extension of the server goes around the environ and startResponse that the app was given.',
  'W-23':
    'A header whose name would collide with another after "-" became "_" is dropped, never merged, unless a setting allows it.',
  'W-30': 'wsgi.input has read, readline, readlines and iteration.',
  'W-31': 'wsgi.errors has write, writelines and flush.',
  'W-32': 'Reading past the end gives empty bytes, again and again.',
  'W-33': 'read() without a size returns the rest.',
  'W-34': 'readline(size) returns at most size bytes.',
  'W-35': 'The hint of readlines counts bytes, and may be left out; flush() may do nothing.',
  'W-37': 'The app closes neither wsgi.input nor wsgi.errors.',
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
  'W-61':
    'The app does not catch what startResponse throws for an error; the server keeps no reference to that error.',
  'W-63': 'startResponse may be called as late as during the first iteration.',
  'W-64': 'An app that never calls startResponse is answered with 500.',
  'W-65': 'The server adds Date where the app gave none.',
  'W-70':
    'write() sends before it returns, before anything of the iterable; it takes bytes, after startResponse.',
  'W-72': 'The app returns an iterable, always.',
  'W-73': 'write() is not called from inside the iterable.',
  'W-74': 'The server touches nothing of the iterable but its iterator and its close().',
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
  'W-87':
    'wsgi.file_wrapper(file, blockSize) gives an iterable: from the current position to the Content-Length or the end; nothing leaves before it is returned.',
  'W-88': 'What wsgi.file_wrapper gives has close() where the file has it, and calls it.',
  'W-89': 'wsgi.file_wrapper takes any object with read(size), with or without a descriptor.',
  'W-95': 'Middleware gives a piece, if only an empty one, for each piece that it takes.',
  'W-96':
    'Middleware returns as soon as the app inside does, calls its close(), and passes on by write() only what came by write().',
  'W-99': 'A server that runs calls at once can be told to run one at a time.',
  'W-100':
    "requestUri() and applicationUri() build the URL again, from HTTP_HOST or else the server's name and port.",
  'W-101': 'Under CGI the environ is that of the variables, and wsgi.run_once is true.',
  'W-111':
    'wsgi.early_hints(headers) sends 103 while the head is unsent; the key is absent where the connection cannot carry it.',
  'W-120': 'dualgate.client_disconnected() says whether the client has gone; reading is not needed for it.',
  'W-121': 'dualgate.request_id is another one for each request, and the one of the log.',
  'W-122':
    'REMOTE_ADDR and REMOTE_PORT are the client, RAW_URI is the target as it was sent, SERVER_SOFTWARE names the server.',
  'V-01': 'The app is called with two positional arguments.',
  'V-02': 'startResponse is called with two or three positional arguments.',
  'V-03': 'The app returns something: not null, undefined or false.',
  'V-04': 'The app returns neither a string nor bytes, which would be sent a character at a time.',
  'V-05': 'write() and the iterable give Uint8Array.',
  'V-06': 'The environ is a plain object.',
  'V-07': 'The nine variables that every request has are there.',
  'V-08': 'HTTP_CONTENT_TYPE and HTTP_CONTENT_LENGTH are not there.',
  'V-09': 'QUERY_STRING is there, if only empty.',
  'V-10': 'A key without a dot has a string of octets.',
  'V-11': 'wsgi.version is an array of two numbers.',
  'V-12': 'wsgi.url_scheme is http or https.',
  'V-13': 'REQUEST_METHOD is one that is known.',
  'V-14': 'SCRIPT_NAME and PATH_INFO begin with "/" where they are not empty.',
  'V-15': 'SCRIPT_NAME or PATH_INFO is there.',
  'V-16': 'SCRIPT_NAME is not "/".',
  'V-17': 'CONTENT_LENGTH is a number of bytes.',
  'V-18': 'The status is three digits from 100 on, and better with one space and a reason behind them.',
  'V-19': 'The headers are an array of pairs of strings.',
  'V-20': 'No header is called "Status".',
  'V-21': 'A header\'s name is a token that ends in neither "-" nor "_"; its value has no control character.',
  'V-22': 'Content-Type is there, but not on 204 and 304.',
  'V-23': 'The third argument of startResponse is an Error, or is left out.',
  'V-24':
    'read() and readline() get one size at most, and have to have it where wsgi.input_terminated is not true.',
  'V-25': 'wsgi.input gives Uint8Array.',
  'V-26': 'Nobody closes wsgi.input and wsgi.errors.',
  'V-27': 'wsgi.errors takes text.',
  'V-28': 'The iterable is not read after its close().',
  'V-29': 'startResponse is called before the first piece that is not empty.',
  'V-30': 'The iterable is closed before it is forgotten.',
  'V-31': 'An ETag is in quotes, with W/ in front of them where it is weak.',
  'V-32': 'A 304 has no headers about a body but those that a cache needs.',
  'V-33': '204 and 304 have no body.',
  'V-34': 'A 204 has no Content-Length.',
  'V-35': 'The body has as many bytes as its Content-Length says.',
  'V-36': 'readline() without a size is unsafe, but where wsgi.input_terminated is true.',
  'V-37': 'The array of headers stays as it is once startResponse has it.',
  'V-40': 'PATH_INFO is never a whole URL.',
  'V-41': 'PATH_INFO is "*" for OPTIONS only.',
  'V-42': 'PATH_INFO is a host and port for CONNECT only.',
  'V-43': 'close() is called once.',
  'V-44': 'The iterable is iterated once.',
  'V-45': 'wsgi.early_hints gets an array of pairs of strings that a header can have.',
} as const;
export type Clause = keyof typeof clauses;
