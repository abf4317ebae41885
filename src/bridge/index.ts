// The face of dualgate/bridge: either kind of app on either kind of server, and in somebody else's.
export { type AsyncToSyncOptions, asyncToSync, type BridgedSyncApp } from './async-to-sync.ts';
export { type NodeListenerFunction, type ToNodeOptions, toNode } from './node.ts';
export {
  type BridgedAsyncApp,
  type InlineBridgeOptions,
  type PoolBridgeOptions,
  syncToAsync,
} from './sync-to-async.ts';
