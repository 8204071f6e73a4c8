/** `jobs` and `status`: what other processes say, read from their status files. */
import { setTimeout as pause } from 'node:timers/promises';
import { EXIT } from '../../errors.ts';
import { homeJobs, jobStatus } from '../../orchestrator/jobs.ts';
import type { JobStatus } from '../../store/status.ts';
import { printJson, printLine, rowsText, secondsText } from '../print.ts';
import { tableText } from '../tables.ts';

interface StatusFlags {
  home?: string;
  json?: boolean;
  watch?: boolean;
}

const WATCH_MS = 500;

export async function jobsCommand(flags: StatusFlags): Promise<number> {
  const jobs = homeJobs(flags.home);
  if (flags.json) printJson(jobs);
  else if (jobs.length === 0) printLine('no jobs');
  else
    printLine(
      tableText(
        ['job', 'state', 'phase', 'done', 'updated', 'output'],
        jobs.map((job) => [job.jobId, job.state, job.phase, share(job), job.updatedAt, job.out]),
        [3],
      ),
    );
  return EXIT.ok;
}

export async function statusCommand(id: string | undefined, flags: StatusFlags): Promise<number> {
  for (;;) {
    const status = jobStatus(flags.home, id);
    if (flags.json) process.stdout.write(`${JSON.stringify(status, null, flags.watch ? undefined : 2)}\n`);
    else printLine(flags.watch ? oneLineStatus(status) : statusText(status));
    const ended = !['created', 'running', 'paused', 'stopping'].includes(status.state);
    if (!flags.watch || ended) return EXIT.ok;
    await pause(WATCH_MS);
  }
}

function share({ progress }: JobStatus): string {
  return progress.rowsTotal > 0 ? `${Math.floor((100 * progress.rowsDone) / progress.rowsTotal)} %` : '';
}

function oneLineStatus(status: JobStatus): string {
  const { progress } = status;
  const rate = progress.rowsPerSecond === null ? '' : `  ${(progress.rowsPerSecond / 1e6).toFixed(2)} M rows/s`;
  const left = progress.etaSeconds === null ? '' : `  ${secondsText(progress.etaSeconds)} left`;
  return `${status.jobId}  ${status.state}  ${status.phase}  ${share(status)}${rate}${left}`;
}

function statusText(status: JobStatus): string {
  const { progress } = status;
  return [
    oneLineStatus(status),
    `  source   ${status.source.join(', ')}`,
    `  output   ${status.out}`,
    `  chunks   ${progress.chunksDone}/${progress.chunksTotal}, rows ${rowsText(progress.rowsDone)}/${rowsText(progress.rowsTotal)}, retried ${progress.retried}`,
    `  process  pid ${status.pid} on ${status.host}, started ${status.startedAt}, heard of ${status.updatedAt}`,
    ...(status.error ? [`  error    ${status.error.code}: ${status.error.message}`] : []),
  ].join('\n');
}
