/** A run, as a table of contents: prepare, check, open, recall or begin, then carry out and report. */
import { writeDurable } from '../../bindings/native.ts';
import type { Engine } from '../../engines/engine.ts';
import { preloadEngine } from '../../engines/open.ts';
import { BatchCoreError, EXIT, restate } from '../../errors.ts';
import type { Listener } from '../../events/listener.ts';
import { ProcessSignal } from '../../events/processSignal.ts';
import type { Report } from '../../report.ts';
import { leftAlone } from '../../sink/temporaries.ts';
import { JobStore } from '../../store/job.ts';
import { isFinished } from '../../store/states.ts';
import { readStatus, writeStatus } from '../../store/status.ts';
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
import { type Prepared, prepare } from '../prepare/prepare.ts';
import { DEFAULTS } from '../spec/optionTable.ts';
import type { ScoreOptions } from '../spec/optionTypes.ts';
import { afterDeaths, type Budget } from '../spec/resources.ts';
import { type Begun, type Carried, carryOut, openEngineOf } from './carryOut.ts';
import { Control } from './control.ts';
import { Monitor } from './monitor.ts';
import { reportOf, Timing } from './outcome.ts';
import { releaseParts } from './publish.ts';

export interface RunHooks extends Listener {
  /** Aborting stops the run: chunks in flight end, what is finished is kept. Only a {@link ProcessSignal} decides the exit code. */
  signal?: AbortSignal | undefined;
  /** False only where a bench measures what durability costs. */
  durable?: boolean | undefined;
  /** The job that a person asked to go on with: it and no other, and chunks that are given up get one more attempt. */
  resumes?: string | undefined;
}

/** Grace for what is in flight when a run is stopped; then it is interrupted. */
const GRACE_MS = 5000;

/** Scores `source`, resuming what an earlier execution of the same job left. */
export async function runScore(
  source: string | readonly string[],
  options: ScoreOptions,
  hooks: RunHooks = {},
): Promise<Report> {
  const timing = new Timing();
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
  options: ScoreOptions,
  hooks: RunHooks = {},
): Promise<{ report: Report; origin: ModelOrigin }> {
  const timing = new Timing();
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
  preloadEngine(prepared.options.engine ?? DEFAULTS.engine);
  const job = await openJob(prepared, prepared.options.fresh ?? false);
  try {
    const begun = await begin(prepared, job, hooks, warnings).catch((thrown) => {
      recordRefusal(prepared, job, BatchCoreError.from(thrown));
      throw thrown;
    });
    return 'recalled' in begun ? begun.recalled : await execute(prepared, job, begun, hooks, timing);
  } finally {
    await closeJob(job);
  }
}

/** The report of a job that is finished, or an execution of it. */
async function begin(
  prepared: Prepared,
  job: OpenJob,
  hooks: RunHooks,
  warnings: string[],
): Promise<{ recalled: Report } | Begun> {
  const targets = placesOf(prepared).map(({ place }) => place);
  warnings.push(...(await sweepJob(job, targets)));
  const recalled = await recall(prepared, job);
  if (recalled.kind === 'recalled') {
    saveAgain(prepared, job);
    tellCompleted(job, recalled.report);
    return { recalled: { ...recalled.report, warnings: [...warnings, ...recalled.report.warnings] } };
  }
  if (recalled.kind === 'again') warnings.push(`this job was finished before and runs again: ${recalled.why}`);
  const request = requestFor(prepared, approveTargets(prepared, job));
  refuseUnwritable(prepared);
  const { files } = prepared.facts;
  const [fresh, goOn] = [prepared.options.fresh ?? false, hooks.resumes !== undefined];
  const budget = await budgetAfterDeaths(prepared, job);
  prepared.budget = budget;
  const engine = openEngineOf(prepared, job);
  try {
    const execution = await beginJob(job, { request, files, fresh, goOn });
    if (goOn) await job.store.allowOneMore();
    execution.warnings.unshift(...warnings);
    if (budget.warning) execution.warnings.push(budget.warning);
    return { execution, engine };
  } catch (thrown) {
    await letGo(engine);
    throw thrown;
  }
}

/** Closes an engine that may not even have opened. */
async function letGo(engine: Promise<Engine>): Promise<void> {
  await engine.then((opened) => opened.close()).catch(() => {});
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
  const { execution } = begun;
  const monitor = new Monitor(job.paths.directory, statusBase(prepared), hooks, execution.epoch);
  const control = new Control(job.paths.directory, job.holder, hooks.signal);
  const interrupt = new AbortController();
  interrupt.signal.addEventListener('abort', () => monitor.watch.cancel());
  const grace = followControl(control, job, monitor, timing, interrupt);
  let report: Report;
  try {
    monitor.start();
    monitor.event(execution.resumed ? 'resumed' : 'started', { source: prepared.sources, out: prepared.output.path });
    if (prepared.kind === 'score') checkRoom(prepared, job);
    const carried = await carryOut(prepared, job, begun, {
      monitor,
      control,
      interrupt: interrupt.signal,
      timing,
      durable: hooks.durable ?? true,
    });
    report = await finish(prepared, job, execution, carried, execution.warnings);
  } catch (thrown) {
    const error = endedBy(await takenAway(job, BatchCoreError.from(thrown)), hooks.signal);
    await recordFailure(job, execution, monitor, error, control.stopped !== undefined);
    throw error;
  } finally {
    grace.end();
    control.close();
    await letGo(begun.engine);
  }
  monitor.finish('completed', { exitCode: EXIT.ok });
  monitor.event('finished', { status: report.status, rows: prepared.rows });
  // The database has it already; what cannot be written here fails the call, not the job.
  writeDurable(job.paths.report, `${JSON.stringify(report, null, 2)}\n`);
  return report;
}

/** The output has its name: parts go, and the job is completed with its report in one commit. */
async function finish(
  prepared: Prepared,
  job: OpenJob,
  execution: Execution,
  carried: Carried,
  warnings: string[],
): Promise<Report> {
  const { output, others } = await releaseParts(job, carried.output);
  const said = new Set([...warnings, ...carried.warnings, ...others.map(leftAlone)]);
  const report = reportOf({ prepared, job, execution, ...carried, warnings: [...said] });
  await job.store.finishJob(execution.executionId, output, report, EXIT.ok);
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
  // Once is what these are for: a resume must neither start over nor replace what was not there when they were given.
  const { force: _force, fresh: _fresh, ...plain } = options;
  // A model that nobody asked to have elsewhere has no path of its own.
  const inside = output.path === jobPaths(prepared.home, prepared.jobId).model;
  const out = inside ? '' : output.path + (output.layout === 'directory' ? '/' : '');
  const place = inside ? '' : output.place;
  return { spec, sources, realPaths, out, place, options: { ...plain }, approved };
}

function statusBase(prepared: Prepared) {
  return {
    schema: 'batch-core.status/1',
    jobId: prepared.jobId,
    out: prepared.output.path,
    source: prepared.sources,
    detector: prepared.model?.facts.detector ?? prepared.spec.fit?.detector ?? '',
    ...identify(),
    startedAt: new Date().toISOString(),
  } as const;
}

/** What is asked from outside changes the job's state, is told, and in the end interrupts what is in flight. */
function followControl(
  control: Control,
  job: OpenJob,
  monitor: Monitor,
  timing: Timing,
  interrupt: AbortController,
): { end: () => void } {
  let grace: NodeJS.Timeout | undefined;
  control.onChange((change) => {
    const [event, state] = CHANGES[change];
    // The state counts for people; a store that cannot write it fails the run where it must write.
    job.store.setState(event).catch(() => {});
    monitor.setState(state);
    if (change === 'paused') timing.pause();
    else timing.resume();
    monitor.event(change, { home: job.home });
    if (change === 'stopping') grace = setTimeout(() => interrupt.abort(), GRACE_MS).unref();
  });
  return { end: () => clearTimeout(grace) };
}

const CHANGES = {
  paused: ['pause', 'paused'],
  continued: ['continue', 'running'],
  stopping: ['stop', 'stopping'],
} as const;

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

/** Leaves a failed or stopped run resumable. What goes wrong here must not hide why it ended. */
async function recordFailure(
  job: OpenJob,
  { executionId }: Execution,
  monitor: Monitor,
  error: BatchCoreError,
  stopped: boolean,
): Promise<void> {
  const state = stopped ? 'stopped' : 'failed';
  try {
    await job.store.setState(stopped ? 'halt' : 'fail');
    await job.store.endExecution(executionId, { status: state, exitCode: error.exitCode, reason: error.message });
  } catch {
    // The store may be what failed; the next execution finds this one unended and closes it.
  }
  monitor.finish(state, { exitCode: error.exitCode, error: error.toJSON() });
  monitor.event(state, { error: error.toJSON() });
}
