/** What an option is: a row of optionTable.ts. Pure. */
import type { Check } from './checks.ts';
import type { Kind } from './words.ts';

/** What takes options. `plan` takes those of `score`, so that the same ones can be asked about first. */
export type Taker = 'score' | 'fit' | 'plan' | 'model import' | 'evaluate' | 'Model.score' | 'Model.save';

/**
 * `fit`: how a model is fitted; `score`: what is said of the rows; `run`: how the work is carried out; `call`: how a
 * program follows it; `evaluate`: what an output is compared with; `forest`: what is calibrated.
 */
export type Group = 'fit' | 'score' | 'run' | 'call' | 'evaluate' | 'forest';

/** The groups of options of a run that the command line has. */
export type RunGroup = Exclude<Group, 'call' | 'evaluate' | 'forest'>;

/** An option, as whoever reads the table has it. */
export interface OptionRow {
  /** The property of the package's options. */
  name: string;
  group: Group;
  /** The words of the command line, as its help shows them; absent where it has none. */
  flags?: string;
  /** How a word of the command line becomes a value. */
  kind: Kind;
  /** Its type in the package. */
  type: string;
  check: Check;
  takers: readonly Taker[];
  /**
   * What it decides: the bytes of an output (it is in the job's fingerprint), which job it is (as the places do), or
   * nothing of either.
   */
  decides: 'bytes' | 'job' | 'nothing';
  /** Nothing holds without it. */
  needed?: true;
  /** It counts for the run that it is given to; one that goes on with the job must be given it again. */
  once?: true;
  /** What it is, to be read after its name. */
  doc: string;
  /** The same of a word on the command line, where it is another. */
  flagDoc?: string;
  /** What is to be said after the default. */
  more?: string;
  /** What holds without it, in words, where DEFAULTS of the table has no value. */
  otherwise?: string;
}

const TAKERS: Readonly<Record<Group, readonly Taker[]>> = {
  fit: ['score', 'fit', 'plan'],
  score: ['score', 'plan'],
  run: ['score', 'fit', 'plan', 'model import'],
  call: ['score', 'fit'],
  evaluate: ['evaluate'],
  forest: ['model import'],
};

/** As the table gives it. */
type Given = Omit<OptionRow, 'group' | 'takers' | 'type'> & { type?: string; also?: readonly Taker[] };

/** The rows of a group: of which type they are and what takes them follows, where nothing else is said. */
export function rows(group: Group, given: readonly Given[]): OptionRow[] {
  return given.map(({ also = [], ...row }) => ({
    ...row,
    group,
    type: row.type ?? TYPES[row.kind],
    takers: [...new Set([...TAKERS[group], ...also])],
  }));
}

/** Types of the package, by how a value is written on the command line. */
const TYPES: Readonly<Record<Kind, string>> = {
  word: 'string',
  count: 'number',
  countOrAll: "number | 'all'",
  chunkRows: 'number',
  number: 'number',
  share: 'number',
  names: 'readonly string[]',
  namesOrAll: "readonly string[] | 'all'",
  settings: 'Parameters',
  paths: 'string | readonly string[]',
  flag: 'boolean',
  none: 'unknown',
};
