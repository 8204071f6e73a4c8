/**
 * Loaded into a command before anything else (`node --require`): notes what processor time its threads had taken at each
 * phase and event, as `--progress json` tells them, and at its exit. Linux alone has these figures.
 *
 * CommonJS on purpose: it is loaded into worker threads too, where a module costs more (`src/worker/entry.cts`).
 */
const { readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');

const WORKER = 'bench-worker';

if (isMainThread) watch(process.env.BATCH_CORE_BENCH_MARKS);
// The only thing that tells a worker's thread from those of the pool.
else writeFileSync('/proc/thread-self/comm', WORKER);

/** Writes the marks to `path` in the end. */
function watch(path) {
  const marks = {};
  const mark = (name) => {
    // A phase is told again and again; it began when it was told first.
    marks[name] ??= { atMs: performance.timeOrigin + performance.now(), ...secondsOfThreads() };
  };
  const markOf = ({ type, event, phase }) => mark(type === 'event' ? event : phase);
  const { stderr } = process;
  const write = stderr.write;
  stderr.write = (text, ...rest) => {
    if (text.startsWith('{"type":')) markOf(JSON.parse(text));
    return write.call(stderr, text, ...rest);
  };
  process.on('exit', () => writeFileSync(path, JSON.stringify(marks)));
}

/** Processor seconds so far: of the process with its dead threads, and of those that live now. */
function secondsOfThreads() {
  const { user, system } = process.cpuUsage();
  const seconds = { process: (user + system) / 1e6, owner: 0, workers: 0 };
  for (const thread of readdirSync('/proc/self/task')) {
    const kind = Number(thread) === process.pid ? 'owner' : read(thread, 'comm') === WORKER ? 'workers' : undefined;
    if (kind) seconds[kind] += Number(read(thread, 'schedstat').split(' ')[0]) / 1e9;
  }
  return seconds;
}

/** Nothing of a thread that has just ended. */
function read(thread, what) {
  try {
    return readFileSync(`/proc/self/task/${thread}/${what}`, 'utf8').trim();
  } catch {
    return '';
  }
}
