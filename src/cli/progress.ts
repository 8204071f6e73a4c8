/** Progress on stderr: a bar on a terminal, plain lines elsewhere, JSON lines for programs. */

import type { Sink } from '../events/bus.ts';
import type { RunEvent } from '../events/event.ts';
import type { Progress } from '../events/progress.ts';
import { jobCommand } from '../orchestrator/core/jobs.ts';
import type { OutputFlags } from './options.ts';
import { bytesText, rateText, rowsText, secondsText } from './print.ts';
import { besideColumns, besideIsTerminal, redraw, say, sayJson, tell, tellJson } from './streams.ts';
import { cutText } from './tables.ts';

export interface ProgressSink extends Sink {
  /** Leaves the line free for what is printed next. */
  end: () => void;
}

const NAME = 'progress';
const SILENT: ProgressSink = { name: NAME, end: () => {} };
const BAR_CELLS_MAX = 28;
/** A shorter bar tells less than the percentage beside it. */
const BAR_CELLS_MIN = 4;
const COLUMNS_DEFAULT = 120;
/** Off a terminal a run that is over before this says nothing but its result. */
const PLAIN_INTERVAL_MS = 5000;

export function progressSink(flags: Pick<OutputFlags, 'progress' | 'quiet'>): ProgressSink {
  if (flags.quiet && flags.progress === 'auto') return SILENT;
  switch (flags.progress) {
    case 'none':
      return SILENT;
    case 'json':
      return { name: NAME, onProgress: tellJson, onEvent: sayJson, end: () => {} };
    case 'bar':
      return barSink();
    case 'plain':
      return plainSink();
    case 'auto':
      return besideIsTerminal() ? barSink() : plainSink();
  }
}

function plainSink(): ProgressSink {
  let told = performance.now();
  return {
    name: NAME,
    onProgress(progress) {
      const now = performance.now();
      if (now - told < PLAIN_INTERVAL_MS) return;
      told = now;
      tell(progressParts(progress).join('  '));
    },
    onEvent: (event) => sayEvent(event, () => {}),
    end: () => {},
  };
}

function barSink(): ProgressSink {
  const clear = () => redraw('');
  return {
    name: NAME,
    onProgress: (progress) => redraw(barText(progress, besideColumns() ?? COLUMNS_DEFAULT)),
    onEvent: (event) => sayEvent(event, clear),
    end: clear,
  };
}

/** One line of at most `columns - 1` cells: the bar gives way first, then what is said last. */
export function barText(progress: Progress, columns: number): string {
  const width = Math.max(1, columns - 1);
  const parts = progressParts(progress);
  while (parts.length > 2 && parts.join('  ').length > width) parts.pop();
  const text = parts.join('  ');
  const cells = Math.min(BAR_CELLS_MAX, width - text.length - 1);
  if (cells < BAR_CELLS_MIN) return cutText(text, width);
  const full = Math.floor(shareOf(progress) * cells);
  return `${'\u2588'.repeat(full)}${'\u2591'.repeat(cells - full)} ${text}`;
}

function shareOf({ rowsDone, rowsTotal }: Progress): number {
  return rowsTotal > 0 ? Math.min(1, rowsDone / rowsTotal) : 0;
}

/** What is said of a run, what matters most first. */
export function progressParts(progress: Progress): string[] {
  const { rowsDone, rowsTotal, rowsPerSecond, etaSeconds, retried } = progress;
  const parts: string[] = [progress.phase];
  // Nothing is known of rows before the phase that reads them.
  if (rowsTotal > 0) {
    parts.push(`${String(Math.floor(100 * shareOf(progress))).padStart(3)} %`);
    if (etaSeconds !== null && rowsDone < rowsTotal) parts.push(`${secondsText(etaSeconds)} left`);
    if (rowsPerSecond !== null && rowsDone < rowsTotal) parts.push(rateText(rowsPerSecond));
    parts.push(`${rowsText(rowsDone)}/${rowsText(rowsTotal)} rows`);
  }
  if (retried > 0) parts.push(`${retried} retried`);
  parts.push(bytesText(progress.rssBytes));
  return parts;
}

/** Only what a person did not ask for themselves is worth a line. */
function sayEvent(event: RunEvent, makeRoom: () => void): void {
  const text = eventText(event);
  if (text === undefined) return;
  makeRoom();
  say(text);
}

function eventText(event: RunEvent): string | undefined {
  switch (event.event) {
    case 'resumed':
      return `resuming job ${event.jobId}`;
    case 'paused':
      return `paused; "${jobCommand('resume', event.jobId, event.home)}" continues it`;
    case 'continued':
      return 'continued';
    case 'retry':
      return `chunk ${event.chunk} is tried again: ${event.error.code}: ${event.error.message}`;
    default:
      return undefined;
  }
}
