/** Signals of a running command: the first stops in good order, the second at once. One that comes too late changes nothing. */
import { EXIT } from '../errors.ts';
import { ProcessSignal } from '../events/processSignal.ts';
import { startedByNohup } from '../system.ts';
import { say } from './streams.ts';

/** What each signal makes the process end with. A terminal that goes away is no reason to lose what can be kept. */
const EXITS = {
  SIGHUP: EXIT.hungUp,
  SIGINT: EXIT.interrupted,
  SIGQUIT: EXIT.quit,
  SIGTERM: EXIT.terminated,
} as const satisfies Partial<Record<NodeJS.Signals, number>>;

type StopSignal = keyof typeof EXITS;

const STOP_SIGNALS = Object.keys(EXITS) as StopSignal[];

export interface Signals {
  signal: AbortSignal;
  /** The first signal that came, if one did. */
  came: () => StopSignal | undefined;
  /** The run has ended: what comes from now on does not stop it, nor decide what the process ends with. */
  ended: () => void;
}

/** How long what is still to be said may take once a signal has come for a run that has ended. */
const SAYING_MS = 500;

/** @param kept - What is said of what was done so far. */
export function listenForSignals(kept = 'what is finished is kept'): Signals {
  const controller = new AbortController();
  let first: StopSignal | undefined;
  let hasEnded = false;
  const listener = (name: NodeJS.Signals) => {
    // What is finished is on disk already, so that ending at once loses only what is in flight.
    if (first !== undefined) process.exit(EXITS[name as StopSignal]);
    first = name as StopSignal;
    // Whoever should read it may have stopped reading.
    if (hasEnded) return void setTimeout(() => process.exit(EXITS[name as StopSignal]), SAYING_MS).unref();
    controller.abort(new ProcessSignal(EXITS[first]));
    // True in every phase: whether chunks are in flight, or the output is being put in place, is not known here.
    say('', `${name}: stopping in good order, ${kept} (a second signal stops at once)`);
  };
  for (const name of STOP_SIGNALS) process.on(name, name === 'SIGHUP' && startedByNohup() ? () => {} : listener);
  return {
    signal: controller.signal,
    came: () => first,
    ended: () => {
      hasEnded = true;
    },
  };
}

/** Node opens a debugger's port on SIGUSR1 unless somebody listens: a job is nobody's debugger to open. */
export function ignoreDebuggerSignal(): void {
  process.on('SIGUSR1', () => {});
}
