/** A frozen model, for callers who hold their own data. */
import { resolve } from 'node:path';
import type { RecordBatch, Table, Vector } from 'apache-arrow';
import type { NativeModel } from './bindings/native.ts';
import { BatchCoreError } from './errors.ts';
import type { Missing } from './orchestrator/options.ts';

/** A fitted detector. It is data: checksummed, loadable by every later minor version, and never code. */
export class Model {
  readonly #native: NativeModel;
  readonly #write: (path: string, bytes: Uint8Array) => void;

  /** @internal */
  constructor(native: NativeModel, write: (path: string, bytes: Uint8Array) => void) {
    this.#native = native;
    this.#write = write;
  }

  /** `sha256:` and the digest of what the model is. */
  get digest(): string {
    return this.#native.facts.digest;
  }
  /** The detector's name. */
  get detector(): string {
    return this.#native.facts.detector;
  }
  /** The columns it scores, in order. */
  get columns(): readonly string[] {
    return this.#native.facts.columns;
  }
  /** Rows it was fitted on. */
  get fitRows(): number {
    return this.#native.facts.fitRows;
  }
  /** The model's bytes, as {@link Model.save} writes them. */
  get bytes(): Uint8Array {
    return this.#native.bytes;
  }

  /** Writes the model so that a crash leaves the old file or the new one. */
  async save(path: string): Promise<void> {
    this.#write(resolve(path), this.#native.bytes);
  }

  /**
   * The score above which a share `contamination` of the fitted rows lies.
   *
   * @param contamination - In (0, 0.5]. Default: what the model was fitted for.
   */
  threshold(contamination = this.#native.facts.contamination): number {
    if (!(contamination > 0 && contamination <= 0.5))
      throw new BatchCoreError('USAGE', `contamination ${contamination} is not in (0, 0.5]`);
    return this.#native.threshold(contamination).value;
  }

  /**
   * Scores the rows of an Arrow table or record batch: one Float64 per row, larger is more anomalous.
   *
   * Float64 columns of one chunk are borrowed, not copied; other numeric columns are converted.
   *
   * @throws {@link BatchCoreError} `MODEL_MISMATCH` when a column of the model is missing or is no number.
   */
  async score(data: Table | RecordBatch, options: { missing?: Missing } = {}): Promise<Vector> {
    const { makeVector } = await import('apache-arrow');
    const columns: Float64Array[] = [];
    const validity: Uint8Array[] = [];
    for (const name of this.columns) {
      const vector = data.getChild(name);
      if (!vector)
        throw new BatchCoreError('MODEL_MISMATCH', `the model's column "${name}" is not in the data`, {
          where: { column: name },
        });
      const { values, bits } = await numbers(vector, name);
      columns.push(values);
      validity.push(bits);
    }
    return makeVector(this.#native.score(columns, validity, options.missing ?? 'center'));
  }
}

const NO_NULLS = new Uint8Array(0);

/** A column as f64 and its validity bitmap from bit 0. */
async function numbers(vector: Vector, name: string): Promise<{ values: Float64Array; bits: Uint8Array }> {
  const { DataType } = await import('apache-arrow');
  const [data] = vector.data;
  if (
    data &&
    vector.data.length === 1 &&
    data.offset === 0 &&
    DataType.isFloat(vector.type) &&
    data.values instanceof Float64Array
  )
    return { values: data.values.subarray(0, vector.length), bits: data.nullCount > 0 ? data.nullBitmap : NO_NULLS };
  const numeric = DataType.isInt(vector.type) || DataType.isFloat(vector.type) || DataType.isBool(vector.type);
  if (!numeric)
    throw new BatchCoreError('MODEL_MISMATCH', `column "${name}" is ${vector.type}; scoring needs a number`, {
      where: { column: name },
    });
  // A null becomes NaN, which counts as missing just the same.
  const values = Float64Array.from({ length: vector.length }, (_, i) => {
    const value: unknown = vector.get(i);
    return value === null ? Number.NaN : Number(value);
  });
  return { values, bits: NO_NULLS };
}
