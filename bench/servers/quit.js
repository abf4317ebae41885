// Loaded before a server that is profiled: SIGTERM ends it in an orderly way, so that its profile is written.
process.on('SIGTERM', () => process.exit(0));
