/**
 * Where a thread of the pool begins. CommonJS on purpose: piscina loads it by require(), and Node aborts the whole
 * process when a thread is ended (by a pool that closes, by process.exit) while it is in require() of an ES module.
 * Ended while it is in import(), it just ends.
 */
exports.run = import('./thread.ts').then(({ run }) => run);
