// dualgate/sync: the sync contract, its server, its lint, and a sleep that blocks.
export type { ByteString, HeaderList } from '../core/bytes.ts';
export type { AppRef, AppSource } from '../core/load.ts';
export { ContractError, Disconnected, GatewayError, HttpError } from '../core/errors.ts';
export type {
  BlockingWebSocket,
  Clause,
  Environ,
  EnvironData,
  ErrorStream,
  InputStream,
  ResponseBody,
  ResponseHeaders,
  StartResponse,
  StatusLine,
  SyncApp,
  Write,
} from './interface.ts';
export { type GivenKey, environKeys } from './environ-keys.ts';
export { clauses } from './interface.ts';
export { lint } from './lint.ts';
export { type LintOptions, Violation } from './lint-verdict.ts';
export { applicationUri, requestUri } from './request-uri.ts';
export { SyncServer, type SyncServerOptions } from './server.ts';
export { sleep } from './sleep.ts';
