/** A frozen model, for callers who hold their own data. */
import { piecesOf, type RecordBatch, type Table, type Vector, vectorOf } from './arrow.ts';
import type { ColumnPiece, NativeModel } from './bindings/native.ts';
import { BatchCoreError } from './errors.ts';
import { placeOf } from './files/paths.ts';
import { inPackageWords, reading, readOnce } from './orchestrator/core/call.ts';
import { type ModelOrigin, saveModelCopy } from './orchestrator/core/runs.ts';
import { CALIBRATE, UNKNOWN_SHARES } from './orchestrator/spec/jobSpec.ts';
import { checkOptions, checkPath, checkShare, refuseMore } from './orchestrator/spec/options.ts';
import { DEFAULTS } from './orchestrator/spec/optionTable.ts';
import type { Missing } from './orchestrator/spec/optionTypes.ts';

/** A fitted detector. It is data: checksummed, loadable by every later minor version, and never code. */
export class Model {
  readonly #native: NativeModel;
  readonly #origin: ModelOrigin;

  /** What was to be said when it was fitted, in sentences: a callback that failed, a column left out. Empty when loaded. */
  readonly warnings: readonly string[];
  /** The columns it scores, in order. */
  readonly columns: readonly string[];

  /** @internal */
  constructor(native: NativeModel, origin: ModelOrigin, warnings: readonly string[] = []) {
    this.#native = native;
    this.#origin = origin;
    this.warnings = Object.freeze([...warnings]);
    this.columns = Object.freeze([...native.facts.columns]);
  }

  /** `sha256:` and the digest of what was fitted, whatever share its file flags. */
  get digest(): string {
    return this.#native.facts.digest;
  }
  /** The detector's name. */
  get detector(): string {
    return this.#native.facts.detector;
  }
  /** Rows it was fitted on, or calibrated on where another program fitted it; null where it was neither here. */
  get fitRows(): number | null {
    return this.#native.facts.fitRows;
  }
  /** Rows of the source it was fitted on: more than {@link Model.fitRows} where those are a sample. */
  get sourceRows(): number | null {
    return this.#native.facts.sourceRows;
  }
  /** A copy of the model's bytes, as {@link Model.save} writes them. */
  get bytes(): Uint8Array {
    return Uint8Array.from(this.#native.bytes);
  }

  /**
   * Writes the model so that a crash leaves the old file or the new one. What lies at `path` is left alone, unless it is
   * this very model already.
   *
   * @param options - `force` replaces another file; never a directory, nor a source that this model was fitted on
   * (one that was loaded does not know them).
   * @throws {@link BatchCoreError} `OUTPUT_EXISTS` when the place is taken.
   */
  async save(path: string, options: { force?: boolean | undefined } = {}, ...more: never[]): Promise<void> {
    checkPath(path);
    options = readOnce(options, 'options');
    checkOptions(options, 'Model.save', 'name');
    refuseMore('Model.save', 2, more);
    const { force = false } = options;
    await inPackageWords('Model.save', async () =>
      saveModelCopy(placeOf(path, 'path'), this.#native.bytes, { force, origin: this.#origin }),
    );
  }

  /**
   * The score above which a share `contamination` of the fitted rows lies.
   *
   * @param contamination - In (0, 0.5]. Default: what the model was fitted for, or the threshold that it was imported with.
   * @throws {@link BatchCoreError} `MODEL_MISMATCH` when the model was imported and not calibrated: what share scores how high is not known.
   */
  threshold(contamination?: number, ...more: never[]): number {
    if (contamination !== undefined) checkShare(contamination);
    refuseMore('Model.threshold', 1, more);
    const { contamination: share, threshold } = this.#native.facts;
    if (contamination === undefined && threshold !== null) return threshold;
    const found = this.#native.threshold(contamination ?? share ?? DEFAULTS.contamination);
    if (found) return found.value;
    throw new BatchCoreError('MODEL_MISMATCH', `contamination: ${UNKNOWN_SHARES}`, {
      where: { option: 'contamination' },
      hint: `choose a threshold from the scores of rows, or ${CALIBRATE}`,
    });
  }

  /**
   * Scores the rows of an Arrow table or record batch, on the calling thread: one Float64 per row, larger is more
   * anomalous, the same to the bit as `batch-core score` gives the same rows in a Parquet file (but for decimals of more
   * than 38 digits, which DuckDB rounds in a way of its own).
   *
   * Columns are found by name; others than the model's are not looked at. They may be integers, floats, booleans,
   * decimals, dates, times, timestamps, durations or dictionaries of these, with nulls, sliced and in any number of
   * chunks. Float64 columns are read where they lie, the others are converted a few thousand rows at a time.
   *
   * A null or NaN cell means what it meant when the model was fitted: `center` counts it as the column's centre, `skip`
   * makes the row's score null, `error` refuses the data.
   *
   * @param options - `missing` need not be given; what the model was not fitted with is refused.
   * @throws {@link BatchCoreError} `MODEL_MISMATCH` when a column of the model is not there or is no number, or when
   * `missing` is not the model's; `DATA` when a cell is missing and none may be.
   */
  score(data: Table | RecordBatch, options: { missing?: Missing | undefined } = {}, ...more: never[]): Vector {
    options = readOnce(options, 'options');
    checkOptions(options, 'Model.score', 'name');
    refuseMore('Model.score', 2, more);
    if (!isTable(data))
      throw new BatchCoreError('USAGE', 'data: it is not an Arrow table or record batch', {
        where: { option: 'data' },
        hint: 'give what apache-arrow makes, such as tableFromArrays({ x: new Float64Array(3) }) or tableFromIPC(bytes)',
      });
    const { vectors, columns } = reading('data', () => {
      const vectors = this.columns.map((name) => childOf(data, name));
      return { vectors, columns: vectors.map((vector, i) => numbersOf(vector, this.columns[i] ?? '')) };
    });
    const scores = this.#native.score(columns, this.#missing(options.missing));
    return reading('data', () => vectorOf(scores, vectors[0] as Vector, data.schema));
  }

  #missing(asked: Missing | undefined): Missing {
    const own = this.#native.facts.missing;
    if (asked !== undefined && own !== undefined && asked !== own)
      throw new BatchCoreError(
        'MODEL_MISMATCH',
        `missing: "${asked}" was asked for and the model was fitted with "${own}"`,
        {
          where: { option: 'missing' },
          hint: `leave it out, or fit a model with missing: "${asked}"`,
        },
      );
    return asked ?? own ?? 'center';
  }
}

/** By shape: one of another copy of Arrow is no `instanceof` ours. A vector has children too, and no schema. */
function isTable(data: unknown): data is Table | RecordBatch {
  const { getChild, schema } = Object(data) as Partial<Table>;
  return typeof getChild === 'function' && Array.isArray(schema?.fields);
}

function childOf(data: Table | RecordBatch, name: string): Vector {
  const vector = data.getChild(name);
  if (vector) return vector;
  throw new BatchCoreError('MODEL_MISMATCH', `the model's column "${name}" is not in the data`, {
    where: { column: name },
    hint: `the data has ${
      data.schema.fields
        .slice(0, 20)
        .map((field) => `"${String(field.name)}"`)
        .join(', ') || 'no columns'
    }`,
  });
}

function numbersOf(vector: Vector, name: string): ColumnPiece[] {
  const pieces = piecesOf(vector);
  if (pieces) return pieces;
  throw new BatchCoreError('MODEL_MISMATCH', `column "${name}" is ${vector.type}; scoring needs a number`, {
    where: { column: name },
    hint: 'convert it to a number, a boolean, a date or a time, as it was when the model was fitted',
  });
}
