/** A job's state changes: in its database first, and only then is it told. Nobody is told a state that the database has not. */
import { BatchCoreError, restate } from '../../errors.ts';
import type { Emit } from '../../events/bus.ts';
import type { EventDetail, StateEventName } from '../../events/event.ts';
import type { JobStore } from '../../store/job.ts';
import type { JobEvent } from '../../store/states.ts';
import type { Control } from './control.ts';
import type { Monitor } from './monitor.ts';
import type { Timing } from './outcome.ts';

/** By what a job comes into the state that is told of; it begins to run with its execution. */
export const TRANSITIONS = {
  paused: 'pause',
  continued: 'continue',
  stopping: 'stop',
  stopped: 'halt',
  failed: 'fail',
  finished: 'complete',
} as const satisfies Partial<Record<StateEventName, JobEvent>>;

type Transitions = typeof TRANSITIONS;

/** Where a state is written, and how it is then told. */
export interface Teller {
  store: Pick<JobStore, 'setState' | 'endExecution'>;
  emit: Emit;
}

/** Lets the job come into a state; `write` does so with what belongs into the same commit. */
export async function transition<Name extends keyof Transitions>(
  { store, emit }: Teller,
  name: Name,
  detail: EventDetail<Name>,
  write: (event: Transitions[Name]) => Promise<unknown> = (event) => store.setState(event),
): Promise<void> {
  await write(TRANSITIONS[name]);
  emit(name, detail);
}

/** Grace for what is in flight when a run is stopped; then it is interrupted. */
const GRACE_MS = 5000;

/** What follows what is asked from outside. */
export interface Following {
  /** What is asked from now on comes too late; resolves when all that was asked before is written, or failed the run. */
  end: () => Promise<void>;
}

/**
 * What is asked from outside changes the job's state, and in the end interrupts what is in flight. A run that pauses claims
 * nothing and so writes nothing: a state that cannot be written fails it here, or it would wait with a database that is of
 * no use, and nobody would be told.
 */
export function followControl(
  teller: Teller & { home: string },
  {
    control,
    monitor,
    timing,
    interrupt,
  }: { control: Control; monitor: Monitor; timing: Timing; interrupt: AbortController },
): Following {
  let grace: NodeJS.Timeout | undefined;
  let changes = Promise.resolve();
  control.onChange((change) => {
    if (change === 'paused') timing.pause();
    else timing.resume();
    monitor.setPaused(change === 'paused');
    if (change === 'stopping') grace = setTimeout(() => interrupt.abort(), GRACE_MS).unref();
    changes = changes
      .then(() => transition(teller, change, { home: teller.home }))
      .catch((thrown) => control.fail(BatchCoreError.from(thrown)));
  });
  return {
    end: () => {
      clearTimeout(grace);
      control.close();
      return changes;
    },
  };
}

/**
 * Leaves a run that failed or was stopped resumable, and tells its end. That is told even where the database does not take
 * it: the process is about to be gone, which is the same to whoever comes next, and what went wrong here must not hide why
 * it ended.
 */
export async function tellEnd(
  teller: Teller,
  executionId: number,
  state: 'stopped' | 'failed',
  error: BatchCoreError,
): Promise<BatchCoreError> {
  const { exitCode, message: reason } = error;
  const detail = { error: error.toJSON(), exitCode };
  try {
    await transition(teller, state, detail, (event) =>
      teller.store.endExecution(executionId, event, { status: state, exitCode, reason }),
    );
    return error;
  } catch (cause) {
    teller.emit(state, detail);
    return error.cause === undefined ? restate(error, { cause }) : error;
  }
}
