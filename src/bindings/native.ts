/** The narrow waist: the only file that loads the addon. Our words over native names; errors come back as ours. */
import { createRequire } from 'node:module';
import type * as Addon from '../../native/index.cjs';
import { BatchCoreError, type ErrorRecord, isErrorCode } from '../errors.ts';
import { loadError } from './loadError.ts';
import type { Receipt, Task } from './task.ts';

export type WorkerOptions = Addon.WorkerOptions;
export type ColumnPages = Addon.ColumnPages;
export type KeptSize = Addon.KeptSize;
export type FooterFacts = Addon.FooterFacts;
export type FooterColumn = Addon.FooterColumn;
export type RankedRow = Addon.RankedRow;
export type FileReceipt = Addon.Receipt;
export type PartFacts = Addon.PartFacts;
export type PublishedPart = Addon.PublishedPart;
export type StagedOutput = Addon.StagedRecord;
/** A file as it was last written, whatever its names. */
export type FileId = Addon.FileIdRecord;
/** A file of an output directory that may go. */
export type ReplacedFile = Addon.ReplacedFile;
export type FitStep = Addon.FitStep;
export type FitClaims = Addon.FitClaims;
export type Threshold = Addon.ThresholdRecord;
export type ColumnPiece = Addon.ColumnPiece;
export type Scores = Addon.Scores;

/** A column that does not vary, so that it tells no row from another. */
export interface LeftOut {
  column: string;
  /** `constant`: every cell is the same double; `empty`: there is no cell; `identifier`: its whole numbers rise or fall with every row. */
  reason: 'constant' | 'empty' | 'identifier';
  /** That double, where there is one. JSON has no infinities. */
  value?: number | 'Infinity' | '-Infinity';
  /** Whether it is so large that whole numbers which differ may have become this one double. */
  mayBeRounded: boolean;
}

/** What a model says of itself. */
export interface ModelFacts {
  /** Of what was fitted, whatever share its file flags. */
  digest: string;
  detector: string;
  columns: string[];
  /** Columns of the fit that play no part, and why. */
  leftOut: LeftOut[];
  /** Whether it is a forest that another program fitted. */
  imported: boolean;
  /** Rows it was fitted on, or calibrated on where it was imported; null where nobody here has seen a row with it, */
  fitRows: number | null;
  /** and those of the source that they are all of, or a sample. */
  sourceRows: number | null;
  /** The share of rows that is flagged where nothing else is asked for, */
  contamination: number | null;
  /** or, of an imported model that has one, the score above which they are. */
  threshold: number | null;
  /** What a missing cell meant in the fit. */
  missing: 'center' | 'skip' | 'error';
  seed: number | null;
  parameters: Record<string, unknown>;
  state: unknown;
}

/** A row of the table of detectors. */
export interface DetectorInfo {
  name: string;
  summary: string;
  /** How often a fit reads the source at most; 0: it reads a sample. */
  passes: number;
  parameters: ParameterInfo[];
}

export interface ParameterInfo {
  name: string;
  kind: 'integer' | 'number' | 'choice' | 'boolean';
  default: unknown;
  min?: number | null;
  max?: number | null;
  choices?: string[] | null;
  help: string;
}

let loaded: typeof Addon | undefined;

/** The addon, loaded by the first call that needs it: importing the package never fails where the addon is absent. */
function addon(): typeof Addon {
  loaded ??= load();
  return loaded;
}

function load(): typeof Addon {
  try {
    return createRequire(import.meta.url)('../../native/index.cjs') as typeof Addon;
  } catch (cause) {
    throw loadError(
      `the native part of batch-core for ${process.platform}-${process.arch}`,
      cause,
      'install again without --omit=optional, or build it with "npm run build" (needs Rust)',
    );
  }
}

/**
 * Loads the addon into this thread for as long as the process lives. Before workers start, the main thread must: a
 * library whose last user is a dying worker is unmapped while its thread-locals are still being torn down (napi-rs#3443).
 */
export function keepAddonLoaded(): void {
  addon();
}

/** Runs a native call; what it throws becomes a {@link BatchCoreError} of the same code. */
function call<T>(native: () => T): T {
  try {
    return native();
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

function fromNative(thrown: unknown): BatchCoreError {
  if (thrown instanceof BatchCoreError) return thrown;
  // napi's own errors, over an argument, have codes of its own.
  const isOurs = thrown instanceof Error && 'code' in thrown && isErrorCode(thrown.code);
  return isOurs ? fromJson(thrown.message) : BatchCoreError.from(thrown);
}

/** What is thrown and what a long call tells is one record: that of crates/error, which is ours. */
function fromJson(record: string): BatchCoreError {
  return BatchCoreError.fromRecord(JSON.parse(record) as ErrorRecord);
}

/** A thread's own scanner and kernels. */
export class ChunkWorker {
  readonly #native: Addon.ChunkWorker;
  constructor(options: WorkerOptions) {
    this.#native = call(() => new (addon().ChunkWorker)(options));
  }
  /** Carries out a task under the watch of that number; `give` hears of each chunk that is done. */
  run(task: Task, watch: number, give: (receipt: Receipt) => void): void {
    call(() => this.#native.run(JSON.stringify(task), watch, (receipt) => give(JSON.parse(receipt))));
  }
}

/** Follows, from any thread, the chunks that run under one number. */
export class Watch {
  readonly number = call(() => addon().openWatch());
  get rows(): number {
    return addon().watchedRows(this.number);
  }
  /** What is at work stops at its next batch. */
  cancel(): void {
    addon().cancelWatch(this.number);
  }
  /** No other chunk of its task is begun. */
  drain(): void {
    addon().drainWatch(this.number);
  }
  close(): void {
    addon().closeWatch(this.number);
  }
}

/** A frozen model in native memory. */
export class NativeModel {
  readonly #native: Addon.NativeModel;
  readonly facts: ModelFacts;
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#native = call(() => addon().NativeModel.fromBytes(buffer(bytes)));
    this.facts = JSON.parse(call(() => this.#native.describe()));
  }
  /** The same fit with this share in place of its own. */
  withContamination(contamination: number): NativeModel {
    if (contamination === this.facts.contamination) return this;
    return new NativeModel(call(() => this.#native.withContamination(contamination)));
  }
  /** Nothing of an imported model that was not calibrated: how its scores are distributed is not known. */
  threshold(contamination: number): Threshold | undefined {
    return call(() => this.#native.threshold(contamination)) ?? undefined;
  }
  score(columns: ColumnPiece[][], missing: string): Scores {
    return call(() => this.#native.score(columns, missing));
  }
}

/** The lock of a job's directory: held by the kernel for as long as this process lives. */
export class JobLock {
  readonly #native: Addon.JobLock;
  /** Who has the lock, when that is not us. */
  readonly holder: string | undefined;
  constructor(path: string, holder: string) {
    this.#native = call(() => addon().JobLock.acquire(path, holder));
    this.holder = this.#native.holder ?? undefined;
  }
  release(): void {
    this.#native.release();
  }
}

function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export const lockIsHeld = (path: string): boolean => call(() => addon().lockIsHeld(path));
/** What the lock's holder said of itself; nothing when nobody holds it. */
export const lockHolder = (path: string): string | undefined => call(() => addon().lockHolder(path)) ?? undefined;
/** The first pages of every column of a row group: what a scan of it holds at a time. */
export const pageSizes = (file: string, rowGroup: number, rows: number): ColumnPages[] =>
  call(() => addon().pageSizes(file, rowGroup, rows));
/** How large the values of columns are, flat, in a file whose row groups have `rows` rows; `look` bytes of dictionaries are looked at. */
export const keptSizes = (file: string, rows: number[], columns: string[], look: number): KeptSize[] =>
  call(() => addon().keptSizes(file, rows, columns, look));
/** What the footer `bytes` of the file at `path`, of `size` bytes, declare. */
export const footerFacts = (bytes: Uint8Array, path: string, size: number): FooterFacts =>
  call(() => addon().footerFacts(buffer(bytes), path, size));
export const beginFit = (spec: unknown, claims: FitClaims): FitStep =>
  call(() => addon().beginFit(JSON.stringify(spec), claims));
export const writeDurable = (path: string, bytes: Uint8Array | string): void =>
  call(() => addon().writeDurable(path, typeof bytes === 'string' ? Buffer.from(bytes) : buffer(bytes)));
export const writeCommitted = (
  temporary: string,
  target: string,
  bytes: Uint8Array | string,
  replaces: FileId | undefined,
): void => call(() => addon().writeCommitted(temporary, target, Buffer.from(bytes), replaces));
export const putBack = (swap: string, target: string, ours: FileId | undefined): boolean =>
  call(() => addon().putBack(swap, target, ours));
export const commitFile = (temporary: string, target: string, replaces: FileId | undefined): void =>
  call(() => addon().commitFile(temporary, target, replaces));
/** What of a forest's file is wished otherwise. */
export interface ForestWishes {
  /** In place of the names that it has. */
  columns: readonly string[] | undefined;
  missing: string;
  /** The threshold that it has is left out. */
  withoutThreshold: boolean;
}
/** The bytes of a model of the forest in another program's file. */
export const importModel = (bytes: Uint8Array, { columns, missing, withoutThreshold }: ForestWishes): Uint8Array =>
  call(() => addon().importModel(buffer(bytes), columns && [...columns], missing, withoutThreshold));
export const createDirectories = (path: string): void => call(() => addon().createDirectories(path));
export const partFacts = (path: string): PartFacts => call(() => addon().partFacts(path));
export const detectorTable = (): DetectorInfo[] => JSON.parse(call(() => addon().detectorTable()));
export const duckdbVersion = (): string => call(() => addon().duckdbVersion());
/** For programs that are ours alone: large buffers go back to the system when they are freed. */
export const returnLargeBuffers = (): void => addon().returnLargeBuffers();

// What takes as long as the data is large runs on the runtime's pool: this thread stays free. Its errors come as data.

/** Joins parts into one durable file under a temporary name, each compared with its receipt: one call after the other. */
export class OutputStager {
  readonly #native: Addon.OutputStager;
  /** `watch` tells the rows and cancels. */
  constructor(temporary: string, metadata: string[][], watch: Watch) {
    this.#native = call(() => addon().OutputStager.begin(temporary, metadata, watch.number));
  }
  /** After a failure the file is gone, and nothing can be added. */
  async append(part: PublishedPart): Promise<void> {
    await long(() => this.#native.append(part));
  }
  async finish(): Promise<StagedOutput> {
    return present((await long(() => this.#native.finish())).staged);
  }
  /** Removes the file, unless it is finished. */
  async discard(): Promise<void> {
    await long(() => this.#native.discard());
  }
}
/** Publishes parts as a directory, each compared with its receipt; of what lies there only `replaces` may go. */
export const publishIntoDirectory = async (
  parts: PublishedPart[],
  directory: string,
  texts: { manifest: string; intent: string },
  replaces: ReplacedFile[],
  watch: Watch,
): Promise<void> => {
  const [manifest, intent] = [Buffer.from(texts.manifest), Buffer.from(texts.intent)];
  await long(() => addon().publishIntoDirectory(parts, directory, manifest, intent, replaces, watch.number));
};
export const fileDigest = async (path: string): Promise<string> =>
  present((await long(() => addon().digestFile(path))).sha256);
export const rowGroupChecksums = async (path: string): Promise<number[]> =>
  present((await long(() => addon().checksumRowGroups(path))).rowGroups);

/** Maps libduckdb. */
export const preloadLibrary = async (path: string): Promise<void> => {
  await long(() => addon().preloadLibrary(path));
};

/** Throws `JOB_DAMAGED` when a summary, as it was kept, names a file that is not there any more, or not what was written. */
export const checkSummary = async (kept: Uint8Array): Promise<void> => {
  await long(() => addon().checkSummary(buffer(kept)));
};

/** The summaries of one fit pass, as they were kept, merged as they come: one call after the other. */
export class FitMerger {
  readonly #native: Addon.FitMerger;
  /** `forest` is the model that is calibrated, where that is what the fit does. */
  constructor(state: Uint8Array, forest?: Uint8Array) {
    this.#native = call(() => addon().FitMerger.ofState(buffer(state), forest && buffer(forest)));
  }
  /** Resolves to the bytes of the summary. */
  async add(kept: Uint8Array): Promise<number> {
    return present((await long(() => this.#native.add(buffer(kept)))).bytes);
  }
  /** Keeps what is merged so far, durably; a large one in the file `path`. */
  async save(path: string): Promise<{ kept: Uint8Array; bytes: number }> {
    const { kept, bytes } = await long(() => this.#native.save(path));
    return { kept: present(kept), bytes: present(bytes) };
  }
  /** Goes on where the merger was that kept this; resolves to its bytes. */
  async restore(kept: Uint8Array): Promise<number> {
    return present((await long(() => this.#native.restore(buffer(kept)))).bytes);
  }
  /** What comes next; nothing can be added any more. */
  async finish(): Promise<FitStep> {
    return present((await long(() => this.#native.finish())).step);
  }
}

/** The highest rows of all chunks, merged as they come: one call after the other. */
export class TopMerger {
  readonly #native: Addon.TopMerger;
  /** What a row of a later chunk must score at least; nothing while there is room for any. */
  floor: number | undefined;
  /** A merger of the `count` highest rows. */
  constructor(count: number) {
    const { TopMerger } = addon();
    this.#native = call(() => new TopMerger(count));
  }
  /** Resolves to the bytes of the summary. */
  async add(kept: Uint8Array): Promise<number> {
    const { bytes, floor } = await long(() => this.#native.add(buffer(kept)));
    this.floor = floor ?? undefined;
    return present(bytes);
  }
  /** The `count`-th highest row, or the last there is; nothing when no row has a score. */
  async finish(): Promise<RankedRow | undefined> {
    return (await long(() => this.#native.finish())).last ?? undefined;
  }
}

async function long(native: () => Promise<Addon.LongOutcome>): Promise<Addon.LongOutcome> {
  const outcome = await call(native);
  if (outcome.error) throw fromJson(outcome.error);
  return outcome;
}

function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new BatchCoreError('BUG', 'a native call answered nothing');
  return value;
}
