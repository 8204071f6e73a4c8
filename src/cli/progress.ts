/** Progress on stderr: a bar on a terminal, plain lines elsewhere, JSON lines for programs. */
import type { Progress, RunEvent } from '../orchestrator/progress.ts';
import type { OutputFlags } from './options.ts';
import { bytesText, rowsText, secondsText } from './print.ts';

export interface ProgressSink {
  onProgress: (progress: Progress) => void;
  onEvent: (event: RunEvent) => void;
  /** Leaves the line free for what is printed next. */
  end: () => void;
}

const SILENT: ProgressSink = { onProgress: () => {}, onEvent: () => {}, end: () => {} };
const BAR_CELLS = 28;
const PLAIN_INTERVAL_MS = 5000;

export function progressSink(flags: Pick<OutputFlags, 'progress' | 'quiet'>): ProgressSink {
  if (flags.quiet && flags.progress === 'auto') return SILENT;
  switch (flags.progress) {
    case 'none':
      return SILENT;
    case 'json':
      return jsonSink();
    case 'bar':
      return barSink();
    case 'plain':
      return plainSink();
    case 'auto':
      return process.stderr.isTTY ? barSink() : plainSink();
  }
}

function jsonSink(): ProgressSink {
  const print = (record: object) => process.stderr.write(`${JSON.stringify(record)}\n`);
  return { onProgress: print, onEvent: print, end: () => {} };
}

function plainSink(): ProgressSink {
  let printed = performance.now();
  let phase = '';
  return {
    onProgress(progress) {
      const now = performance.now();
      if (progress.phase === phase && now - printed < PLAIN_INTERVAL_MS) return;
      printed = now;
      phase = progress.phase;
      process.stderr.write(`${line(progress)}\n`);
    },
    onEvent: (event) => printEvent(event, (text) => process.stderr.write(`${text}\n`)),
    end: () => {},
  };
}

function barSink(): ProgressSink {
  const clear = () => process.stderr.write('\r\u001b[K');
  return {
    onProgress(progress) {
      const share = progress.rowsTotal > 0 ? progress.rowsDone / progress.rowsTotal : 0;
      const full = Math.round(share * BAR_CELLS);
      const bar = '\u2588'.repeat(full) + '\u2591'.repeat(BAR_CELLS - full);
      clear();
      process.stderr.write(`${bar} ${line(progress)}`.slice(0, Math.max(20, (process.stderr.columns ?? 120) - 1)));
    },
    onEvent: (event) =>
      printEvent(event, (text) => {
        clear();
        process.stderr.write(`${text}\n`);
      }),
    end: clear,
  };
}

function line(progress: Progress): string {
  const share = progress.rowsTotal > 0 ? Math.floor((100 * progress.rowsDone) / progress.rowsTotal) : 0;
  const parts = [
    progress.phase.padEnd(7),
    `${String(share).padStart(3)} %`,
    `${rowsText(progress.rowsDone)}/${rowsText(progress.rowsTotal)} rows`,
  ];
  if (progress.rowsPerSecond !== null) parts.push(`${(progress.rowsPerSecond / 1e6).toFixed(2)} M rows/s`);
  if (progress.etaSeconds !== null && progress.rowsDone < progress.rowsTotal)
    parts.push(`${secondsText(progress.etaSeconds)} left`);
  parts.push(bytesText(progress.rssBytes));
  if (progress.retried > 0) parts.push(`${progress.retried} retried`);
  return parts.join('  ');
}

/** Only what a person did not ask for themselves is worth a line. */
function printEvent(event: RunEvent, print: (text: string) => void): void {
  if (event.event === 'resumed') print(`resuming job ${event.jobId}`);
  if (event.event === 'paused') print(`paused; "batch-core resume ${event.jobId}" goes on`);
  if (event.event === 'continued') print('going on');
  if (event.event === 'retry') {
    const { chunk, error } = event as unknown as { chunk: number; error: { code: string; message: string } };
    print(`chunk ${chunk} is tried again: ${error.code}: ${error.message}`);
  }
}
