/** A run, as a table of contents: prepare, open, fit, score, publish, report. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurable } from '../bindings/native.ts';
import { libraryPath } from '../duckdb/library.ts';
import { type Engine, openEngine } from '../engines/engine.ts';
import { BatchCoreError, EXIT } from '../errors.ts';
import type { Report } from '../report.ts';
import { statIdentity } from '../source/facts.ts';
import { identityDifferences } from '../source/identity.ts';
import { identify } from '../system.ts';
import { Control } from './control.ts';
import { checkParts, jobPaths, type OpenJob, openJob, refuseOtherJob, resolveHome, type StoredRequest } from './job.ts';
import { chunkMessage, obtainFlagging, obtainModel } from './model.ts';
import { type Listener, Monitor } from './monitor.ts';
import { DEFAULTS, type ScoreOptions } from './options.ts';
import { type ChunkFindings, reportOf, Timing, TOP_ROWS } from './outcome.ts';
import { checkOutput, checkRoom, findOutput } from './output.ts';
import { type PhaseRun, partName, runPhase } from './phase.ts';
import { besideOutput, isModelFile, type Prepared, prepare } from './prepare.ts';
import { noChunks } from './progress.ts';
import { clearOutput, outputMetadata, publish, readManifest } from './publish.ts';

export interface RunHooks extends Listener {
  /** Aborting stops the run: chunks in flight end, what is finished is kept. */
  signal?: AbortSignal | undefined;
  /** False only where a bench measures what durability costs. */
  durable?: boolean | undefined;
}

/** Grace for chunks in flight when a run is stopped; then they are interrupted at their next batch. */
const GRACE_MS = 5000;
/** Rows of an output row group: what DuckDB and others read in parallel. */
const OUTPUT_ROW_GROUP_ROWS = 122_880;

/** Scores `source`, resuming what an earlier execution of the same job left. */
export async function runScore(
  source: string | readonly string[],
  options: ScoreOptions,
  hooks: RunHooks = {},
): Promise<Report> {
  const timing = new Timing();
  const prepared = await prepare('score', source, options, process.cwd());
  const home = resolveHome(options.home, besideOutput(prepared), prepared.cwd);
  checkOutput(
    prepared.output,
    prepared.facts.files.map((file) => file.path),
  );
  const finished = await refuseOrRecall(prepared, home);
  if (finished) return finished;
  return execute(prepared, home, hooks, timing);
}

/** Fits a model on `source` and writes it to `path`, or leaves it in the job's directory. */
export async function runFit(
  source: string | readonly string[],
  path: string | undefined,
  options: ScoreOptions,
  hooks: RunHooks = {},
): Promise<Report> {
  const timing = new Timing();
  const prepared = await prepare('fit', source, options, process.cwd(), path);
  const home = resolveHome(options.home, besideOutput(prepared), prepared.cwd);
  if (path === undefined) prepared.output.path = jobPaths(home, prepared.jobId).model;
  else {
    checkOutput(
      prepared.output,
      prepared.facts.files.map((file) => file.path),
    );
    refuseNoModel(prepared.output.path, options.force ?? false);
  }
  return execute(prepared, home, hooks, timing);
}

/** A model replaces a model, and nothing else unless forced. */
function refuseNoModel(path: string, force: boolean): void {
  if (force || !existsSync(path)) return;
  if (!statSync(path).isFile() || !isModelFile(path))
    throw new BatchCoreError('OUTPUT_EXISTS', `${path} exists and is no model`, {
      where: { file: path, option: '--model' },
      hint: 'choose another path, or replace it with --force',
    });
}

/** The report of the same finished job, if its output is there; refuses an output that is not ours to replace. */
async function refuseOrRecall(prepared: Prepared, home: string): Promise<Report | undefined> {
  const { output, jobId, options } = prepared;
  const found = findOutput(output, readManifest);
  if (found.kind === 'ours' && found.jobId === jobId && !options.fresh) {
    const path = join(home, 'jobs', jobId, 'report.json');
    if (existsSync(path)) {
      const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
      if (report.status === 'completed' && report.output.bytes === found.bytes)
        return {
          ...report,
          output: { ...report.output, path: output.path },
          warnings: [...report.warnings, ALREADY_DONE],
        };
    }
  }
  const replaceable = found.kind === 'nothing' || (found.kind === 'ours' && found.jobId === jobId);
  if (!replaceable && !options.force)
    throw new BatchCoreError(
      'OUTPUT_EXISTS',
      `${output.path} exists and is ${found.kind === 'ours' ? `the output of job ${found.jobId}` : found.what}`,
      {
        where: { file: output.path, option: '--out' },
        hint: 'choose another output with --out, or replace it with --force',
      },
    );
  if (!options.fresh) await refuseOtherJob(home, jobId, storedRequest(prepared));
  return undefined;
}

/** The warning of a report that was recalled: nothing was run. */
export const ALREADY_DONE = 'this job was finished before; nothing was run (--fresh runs it again)';

function storedRequest(prepared: Prepared): StoredRequest {
  const { spec, sources, output, options } = prepared;
  const { signal: _signal, ...plain } = options as ScoreOptions & { signal?: unknown };
  return { spec, sources, out: output.path + (output.layout === 'directory' ? '/' : ''), options: { ...plain } };
}

async function execute(prepared: Prepared, home: string, hooks: RunHooks, timing: Timing): Promise<Report> {
  const { jobId, fingerprint, facts, options, output } = prepared;
  const request = storedRequest(prepared);
  const job = await openJob({ home, jobId, fingerprint, request, files: facts.files, fresh: options.fresh ?? false });
  const startedAt = new Date().toISOString();
  const monitor = new Monitor(
    job.paths.directory,
    {
      schema: 'batch-core.status/1',
      jobId,
      out: output.path,
      source: prepared.sources,
      detector: prepared.model?.facts.detector ?? prepared.spec.fit?.detector ?? '',
      ...identify(),
      startedAt,
    },
    hooks,
  );
  const control = new Control(job.paths.directory, hooks.signal);
  let grace: NodeJS.Timeout | undefined;
  control.onChange((change) => {
    if (change === 'stopping') grace = setTimeout(() => monitor.watch.cancel(), GRACE_MS).unref();
    else monitor.event(change);
    monitor.setState(change === 'stopping' ? 'stopping' : change === 'paused' ? 'paused' : 'running');
  });
  let engine: Engine | undefined;
  try {
    await job.store.setState('start');
    monitor.start();
    monitor.event(job.resumed ? 'resumed' : 'started', { source: prepared.sources, out: output.path });
    if (prepared.kind === 'score') checkRoom(job.paths.directory, prepared.rows, '--home');
    engine = await openEngine(options.engine ?? DEFAULTS.engine, {
      workers: prepared.budget.workers,
      worker: {
        library: libraryPath(),
        files: facts.files.map((file) => file.path),
        tempDirectory: job.paths.directory,
        memoryLimitBytes: prepared.budget.duckdbBytesPerWorker,
      },
    });
    monitor.workers = engine.workers;
    const report = await carryOut(prepared, job, engine, monitor, control, timing, hooks.durable ?? true);
    await engine.close();
    engine = undefined;
    writeDurable(job.paths.report, `${JSON.stringify(report, null, 2)}\n`);
    await job.store.setState('complete');
    await job.store.endExecution(job.executionId, { status: 'completed', exitCode: EXIT.ok, reason: null });
    monitor.finish('completed', { exitCode: EXIT.ok });
    monitor.event('finished', { status: report.status, rows: prepared.rows });
    return report;
  } catch (thrown) {
    const error = BatchCoreError.from(thrown);
    await engine?.close().catch(() => {});
    await recordFailure(job, monitor, error, control.stopped !== undefined);
    throw error;
  } finally {
    clearTimeout(grace);
    control.close();
    await job.store.close();
    job.lock.release();
  }
}

/** Leaves a failed or stopped run resumable. What goes wrong here must not hide why it ended. */
async function recordFailure(job: OpenJob, monitor: Monitor, error: BatchCoreError, stopped: boolean): Promise<void> {
  const state = stopped ? 'stopped' : 'failed';
  try {
    if (stopped) {
      await job.store.setState('stop');
      await job.store.setState('halt');
    } else await job.store.setState('fail');
    await job.store.endExecution(job.executionId, { status: state, exitCode: error.exitCode, reason: error.message });
  } catch {
    // The store may be what failed; the next execution finds this one unended and closes it.
  }
  monitor.finish(state, { exitCode: error.exitCode, error: error.toJSON() });
  monitor.event(state, { error: error.toJSON() });
}

async function carryOut(
  prepared: Prepared,
  job: OpenJob,
  engine: Engine,
  monitor: Monitor,
  control: Control,
  timing: Timing,
  durable: boolean,
): Promise<Report> {
  const { spec, facts, plan, output, options } = prepared;
  const counts = { fit: noChunks(), score: noChunks() };
  const run: PhaseRun = {
    jobId: job.jobId,
    store: job.store,
    engine,
    monitor,
    control,
    retriesMax: options.retries ?? DEFAULTS.retries,
    chunks: plan.chunks,
    checkInput: (fileId) => checkInput(prepared, fileId),
  };
  const chunkOf = (chunk: (typeof plan.chunks)[number]) => chunkMessage(prepared, monitor.watch.number, chunk);
  const planSeconds = timing.lap();

  const model = await obtainModel(prepared, job, run, chunkOf, counts.fit);
  if (options.saveModel !== undefined) writeDurable(options.saveModel, model.bytes);
  if (prepared.kind === 'fit') {
    const fitSeconds = timing.lap();
    writeDurable(output.path, model.bytes);
    const published = { rows: 0, bytes: statSync(output.path).size, sha256: model.facts.digest.replace('sha256:', '') };
    return reportOf({
      prepared,
      job,
      model,
      engine,
      counts,
      published,
      flagging: null,
      receipts: [],
      timing,
      laps: { planSeconds, fitSeconds, scoreSeconds: 0 },
    });
  }
  const flagging = await obtainFlagging(spec, model, job, run, chunkOf, counts.fit);
  const fitSeconds = timing.lap();

  await job.store.plan('score', [...plan.chunks]);
  const unknown = await checkParts(job, 'score', plan.chunks);
  const metadata = outputMetadata(prepared, model.facts.digest);
  const score = spec.score;
  if (!score) throw new BatchCoreError('BUG', 'a job to score has no score options');
  await runPhase(run, {
    name: 'score',
    phase: 'score',
    counts: counts.score,
    task: (chunk, attempt) => ({
      kind: 'score',
      chunk: chunkOf(chunk),
      modelPath: job.paths.model,
      options: {
        missing: spec.missing,
        ...(flagging.threshold !== null && { threshold: flagging.threshold }),
        ...(flagging.lastOfTop && { lastOfTop: flagging.lastOfTop }),
        explain: score.explain,
        keep: score.keep,
        ...(facts.files.length > 1 && { fileColumn: spec.inputs[chunk.fileId]?.name ?? '' }),
        best: TOP_ROWS,
        directory: job.paths.parts,
        name: partName(chunk),
        attempt: `${chunk.chunkId}.${job.epoch}.${attempt}`,
        format: {
          compression: score.compression.codec,
          level: score.compression.level,
          rowGroupRows: OUTPUT_ROW_GROUP_ROWS,
          metadata: [...metadata, ['batch_core.chunk', String(chunk.chunkId)]],
          durable,
        },
      },
    }),
  });
  const scoreSeconds = timing.lap();

  const receipts: ChunkFindings[] = [];
  for await (const bytes of job.store.summaries('score')) receipts.push(JSON.parse(Buffer.from(bytes).toString()));
  monitor.enter('publish', {
    chunksTotal: plan.chunks.length,
    chunksDone: plan.chunks.length,
    rowsTotal: prepared.rows,
    rowsDone: prepared.rows,
  });
  if (options.force) clearOutput(output);
  const published = await publish(prepared, job, model.facts.digest);
  monitor.event('published', { out: output.path, rows: published.rows });
  const warnings = unknown.map((name) => `${join(job.paths.parts, name)} is no part of this job; it was left alone`);
  return reportOf({
    prepared,
    job,
    model,
    engine,
    counts,
    published,
    flagging,
    receipts,
    timing,
    laps: { planSeconds, fitSeconds, scoreSeconds },
    warnings,
  });
}

async function checkInput(prepared: Prepared, fileId: number): Promise<void> {
  const planned = prepared.facts.files[fileId];
  if (!planned) throw new BatchCoreError('BUG', `there is no file ${fileId} in the plan`);
  const differences = identityDifferences(planned, await statIdentity(planned.path));
  if (differences.length === 0) return;
  const list = differences.map((difference) => `${difference.field}: ${difference.old} -> ${difference.new}`);
  throw new BatchCoreError('INPUT_CHANGED', `${planned.path} changed while it was read: ${list.join('; ')}`, {
    where: { file: planned.path },
    hint: 'nothing was published; run again when the file is at rest',
  });
}
