/**
 * Every option, once. Flags, package types (optionTypes.ts), checks, the configuration file and docs/options.md come from
 * this table. Pure.
 */
import { availableParallelism } from 'node:os';
import { ENGINES, LATER_ENGINES } from '../../engines/engine.ts';
import {
  abortSignal,
  boolean,
  callback,
  choice,
  columnName,
  finite,
  names,
  namesOrAll,
  outPath,
  paths,
  settings,
  share,
  someNames,
  text,
  whole,
  wholeOrAll,
} from './checks.ts';
import { type OptionRow, rows } from './option.ts';

export const CHUNK_ROWS_MIN = 1000;
export const CHUNK_ROWS_MAX = 16 * 2 ** 20;

/** What holds where nothing was asked for. */
export const DEFAULTS = {
  detector: 'auto',
  missing: 'center',
  contamination: 0.01,
  seed: 0,
  chunkRows: 2 ** 20,
  engine: 'threads',
  retries: 3,
  explain: 3,
  compression: 'zstd:1',
} as const;

const workersMax = Math.max(64, availableParallelism());
const path = text('a path');

const FIT = rows('fit', [
  {
    name: 'detector',
    flags: '-d, --detector <name>',
    kind: 'word',
    check: text('the name of a detector'),
    decides: 'bytes',
    doc: 'what scores the rows',
  },
  {
    name: 'parameters',
    flags: '--set <key=value>',
    kind: 'settings',
    check: settings,
    decides: 'bytes',
    doc: 'parameters of the detector',
    flagDoc: 'a parameter of the detector; repeatable',
  },
  {
    name: 'columns',
    flags: '--columns <a,b>',
    kind: 'names',
    check: someNames,
    decides: 'bytes',
    also: ['model import'],
    doc: 'columns to score',
    flagDoc: 'columns to score, or a JSON array of them; repeatable',
    otherwise: 'every numeric and boolean one that varies, but for identifiers',
  },
  {
    name: 'exclude',
    flags: '--exclude <a,b>',
    kind: 'names',
    check: names,
    decides: 'bytes',
    doc: 'columns to leave out, such as years, codes and labels',
    flagDoc: 'columns to leave out, such as years, codes and labels; a JSON array too; repeatable',
  },
  {
    name: 'missing',
    flags: '--missing <how>',
    kind: 'word',
    type: 'Missing',
    decides: 'bytes',
    also: ['model import', 'Model.score'],
    check: choice('a way to treat missing values', ['center', 'skip', 'error']),
    doc: 'null and NaN cells: center, skip or error',
  },
  {
    name: 'contamination',
    flags: '--contamination <share>',
    kind: 'share',
    check: share,
    decides: 'bytes',
    also: ['model import'],
    doc: 'share of rows to flag, in (0, 0.5]',
    flagDoc: 'share of rows to flag, in (0, 0.5], such as 0.02 or 2%',
  },
  {
    name: 'seed',
    flags: '--seed <n>',
    kind: 'count',
    check: whole(0, Number.MAX_SAFE_INTEGER),
    decides: 'bytes',
    also: ['model import'],
    doc: 'seed of everything drawn',
  },
  {
    name: 'fitRows',
    flags: '--fit-rows <n|all>',
    kind: 'countOrAll',
    check: wholeOrAll(1),
    decides: 'bytes',
    also: ['model import'],
    doc: 'rows to fit on: a sample of so many, or all',
    otherwise: 'a sample where the detector needs no more, else all',
  },
  {
    name: 'fitWhere',
    flags: '--fit-where <sql>',
    kind: 'word',
    check: text('an SQL condition'),
    decides: 'bytes',
    also: ['model import'],
    doc: 'fit on the rows of which this SQL condition is true, such as "not incident"',
    otherwise: 'every row',
  },
]);

const SCORE = rows('score', [
  {
    name: 'out',
    flags: '-o, --out <path>',
    kind: 'word',
    check: outPath,
    decides: 'job',
    also: ['fit'],
    doc: 'a .parquet file, or a directory when it ends in /',
    otherwise: '<stem>.scores.parquet in the current directory',
  },
  {
    name: 'model',
    flags: '-m, --model <file>',
    kind: 'word',
    decides: 'bytes',
    check: text('the path of a model', 'save the model with model.save(path) and give that path'),
    doc: 'a saved model to score with; nothing is fitted',
  },
  {
    name: 'fitOn',
    flags: '--fit-on <source>',
    kind: 'paths',
    check: paths,
    decides: 'bytes',
    doc: 'another source to fit on, such as the month before',
    flagDoc: 'another source to fit on, such as the month before; repeatable',
    otherwise: 'the source',
  },
  {
    name: 'saveModel',
    flags: '--save-model <file>',
    kind: 'word',
    check: path,
    decides: 'nothing',
    doc: 'where the model that was fitted is saved',
  },
  {
    name: 'keep',
    flags: '--keep <a,b|all>',
    kind: 'namesOrAll',
    check: namesOrAll,
    decides: 'bytes',
    doc: 'columns copied to the output, or all',
    flagDoc: 'columns copied to the output, or all; a JSON array too; repeatable',
  },
  {
    name: 'id',
    flags: '--id <column>',
    kind: 'word',
    check: columnName,
    decides: 'bytes',
    doc: 'column that names rows in the report; it is not scored unless columns names it too',
    flagDoc: 'column that names rows in the report; it is not scored unless --columns names it too',
  },
  {
    name: 'threshold',
    flags: '--threshold <score>',
    kind: 'number',
    check: finite('a finite score'),
    decides: 'bytes',
    doc: 'flag scores above this instead of a share',
  },
  {
    name: 'top',
    flags: '--top <n>',
    kind: 'count',
    check: whole(1, 10_000_000),
    decides: 'bytes',
    doc: 'flag exactly the n highest rows instead of a share',
    flagDoc: 'flag exactly the n highest rows instead of a share; 1K is 1000',
  },
  {
    name: 'explain',
    flags: '--explain <k>',
    kind: 'count',
    check: whole(0, 1000),
    decides: 'bytes',
    doc: 'reasons per flagged row, 0 for none',
    more:
      'A reason is a column, its value and its contribution. auto, copod, ecod, eif, hst, iforest, inne, knn: contributions add up to the ' +
      'score. zscore, mad, iqr: a contribution is |z| of that cell (of iqr how far it is out), and the score is the largest (with ' +
      '--set aggregate=sum they add up, those of zscore being squares of z). hbos, loda: they add up to the score less a constant of the model. mahalanobis, mcd, pca: those ' +
      'of all columns add up to the score, and negative ones are not listed',
  },
  {
    name: 'compression',
    flags: '--compression <codec>',
    kind: 'word',
    check: text('a codec'),
    decides: 'bytes',
    doc: 'codec of the output: zstd[:level], snappy or none',
  },
]);

const RUN = rows('run', [
  {
    name: 'engine',
    flags: '-e, --engine <name>',
    kind: 'word',
    type: 'EngineName',
    decides: 'nothing',
    check: choice('an engine', ENGINES, LATER_ENGINES),
    doc: 'what carries chunks out: threads or sequential',
  },
  {
    name: 'workers',
    flags: '-w, --workers <n>',
    kind: 'count',
    check: whole(1, workersMax),
    decides: 'nothing',
    doc: 'chunks at the same time',
    otherwise: 'the cores there are',
  },
  {
    name: 'memory',
    flags: '--memory <size|%>',
    kind: 'word',
    decides: 'nothing',
    check: text('a size or share of memory', 'for example "512MiB" or "50%"'),
    doc: 'memory to stay under, such as 512MiB or 50%',
    otherwise: '75%',
  },
  {
    name: 'chunkRows',
    flags: '--chunk-rows <n>',
    kind: 'chunkRows',
    check: whole(CHUNK_ROWS_MIN, CHUNK_ROWS_MAX),
    decides: 'bytes',
    doc: 'rows of a chunk, 1000 to 16M, rounded to row groups',
    flagDoc: 'rows of a chunk, 1000 to 16M, rounded to row groups; 1K is 1024 here',
    otherwise: '1M',
  },
  {
    name: 'retries',
    flags: '--retries <n>',
    kind: 'count',
    check: whole(0, 100),
    decides: 'nothing',
    doc: 'tries after the first when an error may pass',
  },
  {
    name: 'home',
    flags: '--home <dir>',
    kind: 'word',
    check: path,
    decides: 'nothing',
    also: ['evaluate'],
    doc: 'directory of jobs',
    otherwise: '$BATCH_CORE_HOME, else .batch-core beside the output',
  },
  {
    name: 'fresh',
    flags: '--fresh',
    kind: 'flag',
    check: boolean,
    decides: 'nothing',
    once: true,
    doc: 'start over, whatever an earlier run left',
  },
  {
    name: 'force',
    flags: '--force',
    kind: 'flag',
    check: boolean,
    decides: 'nothing',
    once: true,
    also: ['Model.save'],
    doc: 'replace an output of another job',
  },
  {
    name: 'verifyInput',
    flags: '--verify-input',
    kind: 'flag',
    check: boolean,
    decides: 'nothing',
    doc: 'read the source once more first: digest it, and check page checksums where it has them',
  },
]);

const CALL = rows('call', [
  {
    name: 'signal',
    kind: 'none',
    type: 'AbortSignal',
    check: abortSignal,
    decides: 'nothing',
    also: ['evaluate'],
    doc: 'aborting stops the run, resumable',
  },
  { name: 'onProgress', kind: 'none', check: callback, decides: 'nothing', doc: 'told the progress' },
  { name: 'onEvent', kind: 'none', check: callback, decides: 'nothing', doc: 'told what happens once' },
]);

const EVALUATE = rows('evaluate', [
  {
    name: 'label',
    flags: '--label <column>',
    kind: 'word',
    check: columnName,
    decides: 'nothing',
    needed: true,
    doc: 'column of the source that says which rows are anomalies',
    flagDoc:
      'column of the source that says which rows are anomalies: true or 1, false or 0, null where it is not known',
  },
  {
    name: 'source',
    flags: '--source <source...>',
    kind: 'paths',
    check: paths,
    decides: 'nothing',
    doc: 'where the source lies, whose rows count by their numbers',
    otherwise: 'where the job says that it scored it',
  },
]);

const FOREST = rows('forest', [
  {
    name: 'forest',
    kind: 'none',
    type: 'string',
    check: path,
    decides: 'bytes',
    needed: true,
    doc: 'file of the forest that another program fitted, which is calibrated on the source',
  },
]);

/** Every option there is. */
export const OPTIONS: readonly OptionRow[] = [...FIT, ...SCORE, ...RUN, ...CALL, ...EVALUATE, ...FOREST];
