// The face of dualgate/bridge: either kind of app on either kind of server.
export { type AsyncToSyncOptions, asyncToSync, type BridgedSyncApp } from './async-to-sync.ts';
export {
  type BridgedAsyncApp,
  type InlineBridgeOptions,
  type PoolBridgeOptions,
  syncToAsync,
} from './sync-to-async.ts';
