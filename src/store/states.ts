import type { RunEvent, StateEventName } from '../events/event.ts';

/** Where a job stands. */
export type JobState =
  | 'created'
  | 'running'
  | 'paused'
  | 'stopping'
  | 'stopped'
  | 'failed'
  | 'completed'
  | 'completed_with_quarantine';

/** Where a chunk stands. */
export type ChunkState = 'pending' | 'running' | 'done' | 'retry_wait' | 'quarantined';

/** What may happen to a job. */
export type JobEvent =
  | 'start'
  | 'pause'
  | 'continue'
  | 'stop'
  | 'halt'
  | 'fail'
  | 'complete'
  | 'quarantine'
  | 'restart';

/** The whole state machine: (from, event) -> to. Nothing else changes a job's state. */
export const JOB_TRANSITIONS: readonly (readonly [from: JobState, event: JobEvent, to: JobState])[] = [
  ['created', 'start', 'running'],
  ['running', 'pause', 'paused'],
  ['paused', 'continue', 'running'],
  ['running', 'stop', 'stopping'],
  ['paused', 'stop', 'stopping'],
  ['stopping', 'halt', 'stopped'],
  ['running', 'fail', 'failed'],
  ['paused', 'fail', 'failed'],
  ['stopping', 'fail', 'failed'],
  ['running', 'complete', 'completed'],
  // Asked too late: the output has its name.
  ['paused', 'complete', 'completed'],
  ['stopping', 'complete', 'completed'],
  ['running', 'quarantine', 'completed_with_quarantine'],
  // The process died: whoever holds the lock next starts from what is on disk.
  ['running', 'start', 'running'],
  ['paused', 'start', 'running'],
  ['stopping', 'start', 'running'],
  ['stopped', 'start', 'running'],
  ['failed', 'start', 'running'],
  ['completed_with_quarantine', 'start', 'running'],
  // `--fresh`, or the same job to another output.
  ['completed', 'restart', 'created'],
  ['completed_with_quarantine', 'restart', 'created'],
  ['created', 'restart', 'created'],
  ['running', 'restart', 'created'],
  ['paused', 'restart', 'created'],
  ['stopping', 'restart', 'created'],
  ['stopped', 'restart', 'created'],
  ['failed', 'restart', 'created'],
];

/** Every state that a job can be in. */
export const JOB_STATES: readonly JobState[] = [...new Set(JOB_TRANSITIONS.flatMap(([from, , to]) => [from, to]))];

/** The state after `event`, or `undefined` where the event cannot happen. */
export function nextJobState(from: JobState, event: JobEvent): JobState | undefined {
  return JOB_TRANSITIONS.find(([f, e]) => f === from && e === event)?.[2];
}

/** A finished job: nothing is left to run. */
export function isFinished(state: JobState): boolean {
  return state === 'completed' || state === 'completed_with_quarantine';
}

/** What is told of a job that is in a state now. */
export const STATE_TOLD: Readonly<Record<StateEventName, JobState>> = {
  started: 'running',
  resumed: 'running',
  paused: 'paused',
  continued: 'running',
  stopping: 'stopping',
  stopped: 'stopped',
  failed: 'failed',
  finished: 'completed',
};

/** Whether an event says that the job is in another state. */
export function tellsState(event: RunEvent): event is RunEvent & { event: StateEventName } {
  return event.event in STATE_TOLD;
}
