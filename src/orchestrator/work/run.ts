/** A run, as a table of contents: prepare, check, open, recall or begin, then carry out and report. */
import { writeDurable } from '../../bindings/native.ts';
import { preloadLibrary } from '../../duckdb/library.ts';
import { BatchCoreError, EXIT, restate } from '../../errors.ts';
import { Bus, type Emit, type Sink } from '../../events/bus.ts';
import { ProcessSignal } from '../../events/processSignal.ts';
import type { Report } from '../../report.ts';
import { leftAlone } from '../../sink/temporaries.ts';
import { JobStore } from '../../store/job.ts';
import { isFinished } from '../../store/states.ts';
import { readStatus, type StatusBase, statusSink, writeStatus } from '../../store/status.ts';
import { sweepLeftovers } from '../../store/workFiles.ts';
import { identify } from '../../system.ts';
import {
  beginJob,
  closeJob,
  type Execution,
  jobExists,
  type OpenJob,
  openJob,
  type StoredRequest,
  takenAway,
} from '../job/job.ts';
import { completedStatus, refusedStatus } from '../job/lastWord.ts';
import { readOwnModel } from '../job/ownModel.ts';
import { recall } from '../job/recall.ts';
import { checkRoom } from '../job/room.ts';
import { sweepJob } from '../job/sweep.ts';
import { claimAt } from '../places/claims.ts';
import { lockPlaces } from '../places/locks.ts';
import { refuseAnother, settleRivals } from '../places/rivals.ts';
import { type ModelOrigin, saveModel } from '../places/save.ts';
import { approveTargets, placesOf, refusePlaces, refuseUnwritable, savedPlace } from '../places/targets.ts';
import { jobPaths } from '../prepare/home.ts';
import { filesOf, type Prepared, prepare, type RunOptions } from '../prepare/prepare.ts';
import { splitOptions } from '../spec/options.ts';
import type { ScoreOptions } from '../spec/optionTypes.ts';
import { afterDeaths, type Budget } from '../spec/resources.ts';
import { type Begun, type Carried, carryOut } from './carryOut.ts';
import { Control } from './control.ts';
import { EngineOfRun } from './engineOfRun.ts';
import { Monitor } from './monitor.ts';
import { named } from './named.ts';
import { reportOf, Timing } from './outcome.ts';
import { releaseParts } from './publish.ts';
import { followControl, tellEnd, transition } from './transition.ts';

export interface RunHooks {
  /** Who is told of it, beside status.json. */
  sinks?: readonly Sink[] | undefined;
  /** Aborting stops the run: chunks in flight end, what is finished is kept. Only a {@link ProcessSignal} decides the exit code. */
  signal?: AbortSignal | undefined;
  /** False only where a bench measures what durability costs. */
  durable?: boolean | undefined;
  /** The job that a person asked to go on with: it and no other, and chunks that are given up get one more attempt. */
  resumes?: string | undefined;
}

/** Scores `source`, resuming what an earlier execution of the same job left. */
export async function runScore(
  source: string | readonly string[],
  options: ScoreOptions,
  hooks: RunHooks = {},
): Promise<Report> {
  const timing = new Timing();
  preloadLibrary();
  return run(await prepare('score', source, options), hooks, timing);
}

/** Fits a model on `source` and writes it to `path`, or leaves it in the job's directory. */
export async function runFit(...asked: Parameters<typeof runFitOf>): Promise<Report> {
  return (await runFitOf(...asked)).report;
}

/** The same, and what the model must never be saved over. */
export async function runFitOf(
  source: string | readonly string[],
  path: string | undefined,
  options: RunOptions,
  hooks: RunHooks = {},
): Promise<{ report: Report; origin: ModelOrigin }> {
  const timing = new Timing();
  preloadLibrary();
  const prepared = await prepare('fit', source, options, path);
  const { facts, home } = prepared;
  return { report: await run(prepared, hooks, timing), origin: { sources: facts.files, home } };
}

async function run(prepared: Prepared, hooks: RunHooks, timing: Timing): Promise<Report> {
  if (hooks.resumes !== undefined) await refuseAnother(prepared, hooks.resumes);
  refusePlaces(prepared);
  // What is taken is refused before anything is made; only a job that exists may know better.
  if (!jobExists(prepared)) approveTargets(prepared, undefined);
  const places = lockPlaces(prepared);
  try {
    return await runAlone(prepared, hooks, timing);
  } finally {
    places.release();
  }
}

/** The run, while no other of this home writes to its places. */
async function runAlone(prepared: Prepared, hooks: RunHooks, timing: Timing): Promise<Report> {
  const warnings = await settleRivals(prepared);
  const engines = new EngineOfRun(prepared);
  const job = await openJob(prepared, prepared.options.fresh ?? false, (paths) => {
    sweepLeftovers(paths.directory);
    engines.openAhead(paths);
  }).catch(async (thrown) => {
    await engines.close();
    throw thrown;
  });
  try {
    const begun = await begin(prepared, job, engines, hooks, warnings).catch((thrown) => {
      recordRefusal(prepared, job, BatchCoreError.from(thrown));
      throw thrown;
    });
    return 'recalled' in begun ? begun.recalled : await execute(prepared, job, begun, hooks, timing);
  } finally {
    await closeJob(job, engines.close());
  }
}

/** The report of a job that is finished, or an execution of it. */
async function begin(
  prepared: Prepared,
  job: OpenJob,
  engines: EngineOfRun,
  hooks: RunHooks,
  warnings: string[],
): Promise<{ recalled: Report } | Begun> {
  const targets = placesOf(prepared).map(({ place }) => place);
  warnings.push(...(await sweepJob(job, targets)));
  const recalled = await recall(prepared, job);
  if (recalled.kind === 'recalled') {
    saveAgain(prepared, job);
    tellCompleted(job, recalled.report);
    // What names its rows is what is asked for now.
    const report = await named(prepared, recalled.report);
    return { recalled: { ...report, warnings: [...warnings, ...report.warnings] } };
  }
  if (recalled.kind === 'again') warnings.push(`this job was finished before and runs again: ${recalled.why}`);
  const request = requestFor(prepared, approveTargets(prepared, job));
  refuseUnwritable(prepared);
  const files = filesOf(prepared);
  const [fresh, goOn] = [prepared.options.fresh ?? false, hooks.resumes !== undefined];
  const budget = await budgetAfterDeaths(prepared, job);
  prepared.budget = budget;
  const engine = engines.open(job.paths, budget);
  // Whoever works with it is told what is wrong with it.
  engine.catch(() => {});
  const execution = await beginJob(job, { request, files, fresh, goOn });
  if (goOn) await job.store.allowOneMore();
  execution.warnings.unshift(...warnings);
  if (budget.warning) execution.warnings.push(budget.warning);
  return { execution, engine };
}

/** The model of a recalled job, where it was not asked for before. */
function saveAgain(prepared: Prepared, job: OpenJob): void {
  const place = savedPlace(prepared);
  if (!place) return;
  const approved = approveTargets(prepared, job);
  const bytes = readOwnModel(job);
  if (!bytes) throw new BatchCoreError('BUG', 'a job was recalled without its model');
  saveModel(place, bytes, job.temporaryPrefix, claimAt(place.place, { ...job, approved }));
}

async function execute(
  prepared: Prepared,
  job: OpenJob,
  begun: Begun,
  hooks: RunHooks,
  timing: Timing,
): Promise<Report> {
  const { jobId, paths } = job;
  const status = statusSink(paths.directory, statusBase(prepared));
  const bus = new Bus({ jobId, epoch: begun.execution.epoch }, [status, ...(hooks.sinks ?? [])]);
  let report: Report;
  try {
    report = await perform(prepared, job, begun, bus, hooks, timing);
  } finally {
    await bus.close();
  }
  // The database has it already; what cannot be written here fails the call, not the job.
  writeDurable(paths.report, `${JSON.stringify(report, null, 2)}\n`);
  return { ...report, warnings: [...report.warnings, ...bus.warnings] };
}

/** The execution, told from its beginning to its end. */
async function perform(
  prepared: Prepared,
  job: OpenJob,
  begun: Begun,
  { emit, progress }: Bus,
  hooks: RunHooks,
  timing: Timing,
): Promise<Report> {
  const { execution } = begun;
  const { store, home, paths } = job;
  const monitor = new Monitor(job.jobId, progress);
  const control = new Control(paths.directory, job.holder, hooks.signal);
  const interrupt = new AbortController();
  interrupt.signal.addEventListener('abort', () => monitor.watch.cancel());
  monitor.start();
  // The state is in the database since the execution began.
  emit(execution.resumed ? 'resumed' : 'started', { source: prepared.sources, out: prepared.output.path });
  const following = followControl({ store, emit, home }, { control, monitor, timing, interrupt });
  try {
    if (prepared.kind === 'score') checkRoom(prepared, job);
    const carried = await carryOut(prepared, job, begun, {
      ...{ monitor, emit, control, timing, interrupt: interrupt.signal },
      durable: hooks.durable ?? true,
    });
    // Too late to stop: the output has its name.
    await following.end();
    return await finish(prepared, job, execution, carried, { emit, monitor });
  } catch (thrown) {
    await following.end();
    const why = await takenAway(job, whyEnded(BatchCoreError.from(thrown), control));
    const state = control.stopped && !(control.stopped instanceof BatchCoreError) ? 'stopped' : 'failed';
    monitor.finish();
    throw await tellEnd({ store, emit }, execution.executionId, state, endedBy(why, hooks.signal));
  }
}

/** A run that was stopped by an error, or while one came up, ends with it. */
function whyEnded(error: BatchCoreError, { stopped }: Control): BatchCoreError {
  return error.code === 'CANCELLED' && stopped instanceof BatchCoreError ? stopped : error;
}

/** The output has its name: parts go, and the job is completed with its report in one commit. */
async function finish(
  prepared: Prepared,
  job: OpenJob,
  execution: Execution,
  carried: Carried,
  { emit, monitor }: { emit: Emit; monitor: Monitor },
): Promise<Report> {
  const { output, others } = await releaseParts(job, carried.output);
  const said = new Set([...execution.warnings, ...carried.warnings, ...others.map(leftAlone)]);
  const report = await named(prepared, reportOf({ prepared, job, execution, ...carried, warnings: [...said] }));
  monitor.finish();
  const detail = { status: report.status, rows: prepared.rows, exitCode: EXIT.ok };
  await transition({ ...job, emit }, 'finished', detail, () =>
    job.store.finishJob(execution.executionId, output, report, EXIT.ok),
  );
  JobStore.discardSetAside(job.paths.database);
  return report;
}

/** An execution that died without a word, so that it is still said to run, was most likely short of memory: the next has fewer workers. */
async function budgetAfterDeaths(prepared: Prepared, job: OpenJob): Promise<Budget> {
  if (!job.stored) return prepared.budget;
  const before = (await job.store.executions()).reverse();
  const alive = before.findIndex(({ status }) => status !== 'died' && status !== 'running');
  const deaths = alive < 0 ? before.length : alive;
  const budget = afterDeaths(prepared.budget, Math.max(0, deaths - 1));
  if (budget.workers === prepared.budget.workers) return budget;
  const of = `${budget.workers} of ${prepared.budget.workers} workers`;
  return { ...budget, warning: `${deaths} executions in a row ended without a word: this one has ${of}` };
}

function requestFor(prepared: Prepared, approved: StoredRequest['approved']): StoredRequest {
  const { spec, sources, realPaths, output, options } = prepared;
  const { what, how } = splitOptions(options);
  // A model that nobody asked to have elsewhere has no path of its own.
  const inside = output.path === jobPaths(prepared.home, prepared.jobId).model;
  const out = inside ? '' : output.path + (output.layout === 'directory' ? '/' : '');
  const place = inside ? '' : output.place;
  return { spec, sources, realPaths, out, place, asked: what, options: how, approved };
}

function statusBase(prepared: Prepared): StatusBase {
  return {
    schema: 'batch-core.status/1',
    jobId: prepared.jobId,
    out: prepared.output.path,
    source: prepared.sources,
    detector: prepared.model?.facts.detector ?? prepared.spec.fit?.detector ?? '',
    ...identify(),
    startedAt: new Date().toISOString(),
  };
}

/** A run that a signal stopped ends with that signal's exit code, in its status too. */
function endedBy(error: BatchCoreError, signal: AbortSignal | undefined): BatchCoreError {
  const reason: unknown = signal?.reason;
  if (error.code !== 'CANCELLED' || !(reason instanceof ProcessSignal)) return error;
  return restate(error, { exitCode: reason.exitCode });
}

/** An execution that was killed once all was recorded had no time to say so. */
function tellCompleted({ paths }: OpenJob, report: Report): void {
  const told = readStatus(paths.directory);
  if (told && told.state !== 'completed') writeStatus(paths.directory, completedStatus(told, report));
}

function recordRefusal(prepared: Prepared, { paths, stored }: OpenJob, error: BatchCoreError): void {
  const before = readStatus(paths.directory);
  if (!before || !stored || isFinished(stored.state)) return;
  writeStatus(paths.directory, refusedStatus({ ...before, ...statusBase(prepared) }, error));
}
