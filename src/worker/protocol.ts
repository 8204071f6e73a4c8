/** What crosses a worker's door: tasks and receipts, never column bytes. Its records are those of task.ts. */
import type { Double, Receipt, Task } from '../bindings/task.ts';
import type { ErrorRecord, Loss } from '../errors.ts';

export type { Receipt, Task } from '../bindings/task.ts';

/** A task on its way to a thread of this process. */
export interface Assignment {
  task: Task;
  /** The number of the watch that follows it. */
  watch: number;
}

/** What a thread says while a task runs: the receipt of a chunk. */
export interface Notice {
  /** The number of the task's watch. */
  watch: number;
  receipt: Receipt;
}

/**
 * How a task ended, and of a worker that was lost by what. Errors are sent as data: an Error object would lose its code on
 * the way between threads.
 */
export type Ending = { ok: true } | { ok: false; error: ErrorRecord; lost?: Loss };

/** What a thread answers: notices come another way, and perhaps later. */
export type Answer = Ending & { receipts: number };

/** A double as a task says it. */
export function spelled(value: number): Double {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : value;
  if (Number.isNaN(value)) throw new RangeError('NaN is no double of a task');
  return value > 0 ? 'Infinity' : '-Infinity';
}
