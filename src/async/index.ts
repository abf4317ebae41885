// The async wing's face, dualgate/async: the contract, its clauses, and the server.
export type { ByteString, HeaderList } from '../core/bytes.ts';
export { ContractError, Disconnected } from '../core/errors.ts';
export * from './interface.ts';
export type { LifespanMode } from './lifespan.ts';
export { AsyncServer, type AsyncServerOptions } from './server.ts';
