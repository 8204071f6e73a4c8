/** What happens once in a run, as `--progress json` prints it and `onEvent` is told. */
import type { ErrorRecord, Loss } from '../errors.ts';
import type { Phase } from './progress.ts';

/** What each event says beside whose it is. A new one is an entry here. */
interface Details {
  /** The job began from its beginning. */
  started: Begun;
  /** The job went on from what an earlier execution had finished. */
  resumed: Begun;
  /** A chunk failed, or a part was damaged, and is made again. */
  retry: {
    phase: Phase;
    chunk: number;
    error: ErrorRecord;
    /** Of the chunk, counted over all executions; absent where a part was damaged. */
    attempt?: number;
    /** Until it is tried again. */
    delayMs?: number;
    /** What took its worker; absent where none was lost. */
    lost?: Loss;
  };
  /** No chunk is claimed until somebody resumes the job, which lies in `home`. */
  paused: { home: string };
  continued: { home: string };
  /** It was asked to stop: what is in flight ends, nothing new begins. */
  stopping: { home: string };
  /** What another job of the home has fitted is taken: `from` is its file, and nothing is fitted. */
  model: { digest: string; from: string };
  /** The output has its name. */
  published: { out: string; rows: number };
  /** The job is completed. */
  finished: { status: string; rows: number; exitCode: number };
  /** It ended as it was asked to, resumable. */
  stopped: Ended;
  failed: Ended;
}

interface Begun {
  source: string[];
  out: string;
}

interface Ended {
  error: ErrorRecord;
  exitCode: number;
}

/** What all events have. */
interface Common {
  type: 'event';
  jobId: string;
  /** Which execution of the job, counted from 1. */
  epoch: number;
  /** Which event of that execution, counted from 1: one that is missing was not told. */
  seq: number;
}

export type EventName = keyof Details;
export type EventDetail<Name extends EventName> = Details[Name];

/** Events that say that the job is in another state: its database has it before anybody is told. */
export type StateEventName = Exclude<EventName, 'retry' | 'model' | 'published'>;

/** Something that happened once. */
export type RunEvent = { [Name in EventName]: Common & { event: Name } & Details[Name] }[EventName];
