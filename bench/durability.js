// One run in this process, with everything synced or nothing: what durability costs. Prints seconds of the work itself.
// Usage: node bench/durability.js <file> <out> <home> on|off
import { runScore } from '../dist/orchestrator/core/runs.js';
import { COLUMNS } from './generate.js';

const [, , file, out, home, durable] = process.argv;
const options = { out, home, detector: 'zscore', columns: COLUMNS, explain: 0, fresh: true, force: true };
const { timing } = await runScore(file, options, { durable: durable === 'on' });
process.stdout.write(`${timing.totalSeconds - timing.planSeconds}\n`);
