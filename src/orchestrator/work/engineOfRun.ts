/** The engine of a run, which may open ahead: workers take about as long to get ready as the job's database does. */
import { libraryPath } from '../../duckdb/library.ts';
import type { Engine } from '../../engines/engine.ts';
import { openEngine, preloadEngine } from '../../engines/open.ts';
import { isFinished } from '../../store/states.ts';
import { readStatus } from '../../store/status.ts';
import type { JobPaths } from '../prepare/home.ts';
import { filesOf, type Prepared } from '../prepare/prepare.ts';
import { DEFAULTS } from '../spec/optionTable.ts';
import type { Budget } from '../spec/resources.ts';

export class EngineOfRun {
  readonly #prepared: Prepared;
  #opened: { engine: Promise<Engine>; budget: Budget } | undefined;

  /** Nothing is opened yet, but loaded. */
  constructor(prepared: Prepared) {
    this.#prepared = prepared;
    preloadEngine(engineName(prepared));
  }

  /** Opens the engine before it is known whether there is anything to do; not where that is unlikely. */
  openAhead(paths: Pick<JobPaths, 'directory'>): void {
    const { options, budget } = this.#prepared;
    const told = readStatus(paths.directory);
    if (!options.fresh && told && isFinished(told.state)) return;
    // What goes wrong is met again by who opens it.
    this.open(paths, budget).catch(() => {});
  }

  /** Opens the engine with so many workers and so much memory, unless it is open like that. */
  async open(paths: Pick<JobPaths, 'directory'>, budget: Budget): Promise<Engine> {
    if (this.#opened && !isSame(this.#opened.budget, budget)) await this.close();
    this.#opened ??= { engine: openOf(this.#prepared, paths, budget), budget };
    return this.#opened.engine;
  }

  /** Closes the engine, which may not even have opened. */
  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.engine.then((engine) => engine.close()).catch(() => {});
  }
}

const engineName = ({ options }: Prepared) => options.engine ?? DEFAULTS.engine;

const isSame = (a: Budget, b: Budget) =>
  a.workers === b.workers &&
  a.duckdbBytesPerWorker === b.duckdbBytesPerWorker &&
  a.keptBytesPerVector === b.keptBytesPerVector;

function openOf(prepared: Prepared, { directory }: Pick<JobPaths, 'directory'>, budget: Budget): Promise<Engine> {
  return openEngine(engineName(prepared), {
    workers: budget.workers,
    worker: {
      library: libraryPath(),
      files: filesOf(prepared).map((file) => file.path),
      directory,
      memoryLimitBytes: budget.duckdbBytesPerWorker,
      keptBytesMax: budget.keptBytesPerVector,
    },
  });
}
