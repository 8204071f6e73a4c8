/** The reports that finished jobs of a home have left. One that is damaged is none. */
import type { Report } from '../report.ts';
import { jobPaths, readableJobs } from './home.ts';
import { readJson } from './smallFile.ts';

const FORMATS: readonly (string | undefined)[] = ['parquet', 'parquet-directory', 'model'];

/** The report at `path`; nothing where there is none, or one that this version does not understand. */
export function readReport(path: string): Report | undefined {
  const report = Object(readJson(path)) as Partial<Report>;
  const { schema, source, model, output, chunks, fit, timing, resources } = report;
  if (schema !== 'batch-core.report/1' || !FORMATS.includes(output?.format) || !model?.digest) return undefined;
  const parts = [source, source?.columns, model, output, chunks, fit, timing, resources];
  return parts.every((part) => typeof part === 'object' && part !== null) ? (report as Report) : undefined;
}

/** How many of the latest jobs are asked for their reports. */
const RECENT_MAX = 20;

/** The reports of the latest jobs that were completed, the latest first; none where they may not be read. */
export function recentReports(home: string): Report[] {
  const read = (path: string) => {
    try {
      return readReport(path);
    } catch {
      return undefined;
    }
  };
  return readableJobs(home)
    .filter(({ state }) => state === 'completed')
    .slice(0, RECENT_MAX)
    .map(({ jobId }) => read(jobPaths(home, jobId).report))
    .filter((report) => report !== undefined);
}
