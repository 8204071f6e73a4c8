/** A task that runs in this process, followed: its rows are told while it runs, and an abort reaches it at its next batch. */
import { Watch } from '../bindings/native.ts';
import type { Hearing } from './engine.ts';

/** As often as anybody would look. */
const PROGRESS_MS = 250;

/** The number of the watch that the task goes under, and what ends the following. */
export function follow({ signal, onProgress }: Hearing): { watch: number; end: () => void } {
  const watch = new Watch();
  const cancel = () => watch.cancel();
  if (signal.aborted) cancel();
  else signal.addEventListener('abort', cancel);
  const timer = setInterval(() => onProgress(watch.rows), PROGRESS_MS).unref();
  return {
    watch: watch.number,
    end() {
      clearInterval(timer);
      signal.removeEventListener('abort', cancel);
      onProgress(watch.rows);
      watch.close();
    },
  };
}
