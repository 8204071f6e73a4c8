/** Callbacks of a caller's, as sinks. */
import type { Sink } from './bus.ts';
import type { RunEvent } from './event.ts';
import type { Progress } from './progress.ts';

/** Who is told of a run. */
export interface Listener {
  onProgress?: ((progress: Progress) => unknown) | undefined;
  onEvent?: ((event: RunEvent) => unknown) | undefined;
}

/** Each callback is a sink of its own: one that fails leaves the other. */
export function sinksOf({ onProgress, onEvent }: Listener): Sink[] {
  return [
    { name: 'onProgress', onProgress },
    { name: 'onEvent', onEvent },
  ];
}
