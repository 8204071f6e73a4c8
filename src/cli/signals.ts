/** Signals of a running command: the first stops in good order, the second at once. */
import { EXIT } from '../errors.ts';

export interface Signals {
  signal: AbortSignal;
  /** The exit code of the signal that came, if one did. */
  exitCode: () => number | undefined;
  close: () => void;
}

export function listenForSignals(): Signals {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const listener = (name: NodeJS.Signals) => {
    const code = name === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
    // What is finished is on disk already, so that ending at once loses only what is in flight.
    if (exitCode !== undefined) process.exit(code);
    exitCode = code;
    controller.abort();
    process.stderr.write('\nstopping: chunks in flight are being finished (once more to stop at once)\n');
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    close: () => {
      process.off('SIGINT', listener);
      process.off('SIGTERM', listener);
    },
  };
}
