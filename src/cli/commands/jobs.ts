/** `jobs` and `status`: what other processes say, read from their status files. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT } from '../../errors.ts';
import { homeJobs, type JobStatus, jobStatus } from '../../orchestrator/core/jobs.ts';
import { rateText, rowsText, secondsText } from '../print.ts';
import { answerColumns, answerIsClosed, printJson, printLine, printLines, sayError } from '../streams.ts';
import { tableLines } from '../tables.ts';

interface StatusFlags {
  home?: string;
  json?: boolean;
  watch?: boolean;
}

const WATCH_MS = 500;
/** States of a job whose process is there. */
const LIVE: readonly string[] = ['queued', 'created', 'running', 'paused', 'stopping'];

export async function jobsCommand(flags: StatusFlags): Promise<number> {
  const { jobs, unreadable } = homeJobs(flags.home);
  const [refused] = unreadable;
  if (refused && jobs.length === 0) throw refused.error;
  if (flags.json) printJson(jobs);
  else if (jobs.length === 0) printLine('no jobs');
  else
    printLines(
      tableLines(
        ['job', 'state', 'phase', 'done', 'updated', 'output'],
        jobs.map((job) => [job.jobId, stateText(job), job.phase, shareText(job), job.updatedAt, job.out]),
        [3],
        answerColumns(),
      ),
    );
  // The others are told all the same.
  for (const { error } of unreadable) sayError(error);
  return refused?.error.exitCode ?? EXIT.ok;
}

export async function statusCommand(id: string | undefined, flags: StatusFlags): Promise<number> {
  for (;;) {
    const status = jobStatus(flags.home, id);
    if (flags.json) printJson(status, flags.watch ? 0 : 2);
    else if (flags.watch) printLine(statusLine(status));
    else printLines(statusLines(status));
    // Whoever read this is gone: nobody is left to follow the job for.
    if (!flags.watch || !LIVE.includes(status.state) || answerIsClosed()) return EXIT.ok;
    await sleep(WATCH_MS);
  }
}

/** A job that can never go on is not one that merely failed. */
function stateText({ state, retired }: JobStatus): string {
  return retired ? 'retired' : state;
}

function shareText({ progress }: JobStatus): string {
  return progress.rowsTotal > 0 ? `${Math.floor((100 * progress.rowsDone) / progress.rowsTotal)} %` : '';
}

function statusLine(status: JobStatus): string {
  const { progress, state } = status;
  const parts = [status.jobId, stateText(status), status.phase, shareText(status)];
  if (state === 'running' || state === 'stopping') {
    if (progress.rowsPerSecond !== null) parts.push(rateText(progress.rowsPerSecond));
    if (progress.etaSeconds !== null) parts.push(`${secondsText(progress.etaSeconds)} left`);
  }
  return parts.filter((part) => part !== '').join('  ');
}

/** How a job stands. */
export function statusLines(status: JobStatus): string[] {
  const { progress } = status;
  const live = LIVE.includes(status.state);
  return [
    statusLine(status),
    `  source   ${status.source.join(', ')}`,
    `  output   ${status.out}`,
    `  chunks   ${progress.chunksDone}/${progress.chunksTotal}, rows ${rowsText(progress.rowsDone)}/${rowsText(progress.rowsTotal)}, retried ${progress.retried}`,
    live
      ? `  process  pid ${status.pid} on ${status.host}, started ${status.startedAt}, last update ${status.updatedAt}`
      : `  ended    ${status.updatedAt}${status.exitCode === undefined ? '' : `, exit code ${status.exitCode}`}; started ${status.startedAt} on ${status.host}`,
    ...(status.error ? [`  error    ${status.error.code}: ${status.error.message}`] : []),
    ...(status.error?.hint === undefined ? [] : [`  hint     ${status.error.hint}`]),
  ];
}
