/** A task that runs in this process, followed: its rows are told while it runs, and an abort reaches it at its next batch. */
import { Watch } from '../bindings/native.ts';
import type { Hearing } from './engine.ts';

/** As often as anybody would look. */
const PROGRESS_MS = 250;

/** The number of the watch that the task goes under, and what ends the following. */
export function follow({ signal, drain, onProgress }: Hearing): { watch: number; end: () => void } {
  const watch = new Watch();
  const ends = [when(signal, () => watch.cancel()), when(drain, () => watch.drain())];
  // It keeps the process alive: a worker that has answered does not, and its receipts may still be on their way.
  const timer = setInterval(() => onProgress(watch.rows), PROGRESS_MS);
  return {
    watch: watch.number,
    end() {
      clearInterval(timer);
      for (const end of ends) end();
      onProgress(watch.rows);
      watch.close();
    },
  };
}

/** Does it when `signal` is aborted; what is returned forgets it. */
function when(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act);
  return () => signal.removeEventListener('abort', act);
}
