/** An output is counted, with the labels of its source beside it or with its own. */
import type { Database } from '../../duckdb/client.ts';
import { BatchCoreError } from '../../errors.ts';
import { damaged } from '../verify/verified.ts';
import {
  begin,
  type Label,
  readRanking,
  readStretches,
  readTally,
  takeKept,
  takePiece,
  touchScores,
  type WrongLabel,
  wrongIn,
  wrongInKept,
} from './counts.ts';
import type { Ranking, Tally } from './evaluation.ts';
import { labelInvalid, oneClass } from './label.ts';
import type { Output } from './output.ts';
import { type LabelledFile, PIECE_ROWS, type Piece, planPieces, type Stretch } from './pieces.ts';

/** All that figures are made of. */
export interface Counted {
  tally: Tally;
  ranking: Ranking;
}

/** Counts an output whose labels are in the files of its source. */
export async function countBeside(
  database: Database,
  output: Output,
  files: readonly LabelledFile[],
  label: Label,
  rowsMax = PIECE_ROWS,
): Promise<Counted> {
  const known = new Map(files.map((file) => [file.name, file]));
  const taken: Piece[] = [];
  await begin(database);
  for (const part of output.parts) {
    const stretches = await ofOutput(part, () => readStretches(database, part, output.namesFiles));
    for (const stretch of stretches) refuseStranger(output.path, stretch, known);
    for (const piece of planPieces(stretches, (name) => known.get(name)?.path ?? '', rowsMax)) {
      await ofBoth(database, piece, () => takePiece(database, piece, label));
      taken.push(piece);
    }
  }
  return count(database, output, label, async () => {
    for (const piece of taken) {
      const wrong = await ofBoth(database, piece, () => wrongIn(database, piece, label));
      if (wrong) return wrong;
    }
    return undefined;
  });
}

/** Counts an output that has the labels itself. */
export async function countKept(database: Database, output: Output, label: Label): Promise<Counted> {
  await begin(database);
  for (const part of output.parts) await ofOutput(part, () => takeKept(database, part, label));
  return count(database, output, label, async () => {
    for (const part of output.parts) {
      const wrong = await ofOutput(part, () => wrongInKept(database, part, label));
      if (wrong) return wrong;
    }
    return undefined;
  });
}

async function count(
  database: Database,
  output: Output,
  { column }: Label,
  findWrong: () => Promise<WrongLabel | undefined>,
): Promise<Counted> {
  const tally = await readTally(database);
  if (tally.rows !== output.rows)
    throw damaged(output.path, `of its ${output.rows} rows ${tally.rows} are of its source`);
  if (tally.wrong > 0) {
    const wrong = await findWrong();
    if (wrong) throw labelInvalid(wrong.path, column, `has ${wrong.cell} in row ${wrong.row}`);
  }
  if (tally.positives === 0 || tally.positives === tally.evaluated) throw oneClass(output.path, column, tally);
  return { tally, ranking: await readRanking(database, tally) };
}

/** Rows that the source does not have, or has once and the output more often. */
function refuseStranger(path: string, stretch: Stretch, known: ReadonlyMap<string, LabelledFile>): void {
  const { name, rows, rowFirst, rowLast } = stretch;
  const file = known.get(name);
  const hint = 'name the source that was scored with --source';
  if (!file)
    throw new BatchCoreError(
      'CONFIG',
      name === ''
        ? `${path} has the rows of one file, and its source has several`
        : `${path} has rows of the file "${name}", which its source has not`,
      { where: { file: path, option: '--source' }, hint },
    );
  if (rowLast >= file.rows)
    throw new BatchCoreError('CONFIG', `${file.path} has ${file.rows} rows, and ${path} has row ${rowLast} of it`, {
      where: { file: file.path, option: '--source' },
      hint,
    });
  if (rows > rowLast - rowFirst + 1) throw damaged(path, 'it has a row more than once');
}

/** DuckDB tells damage from a fault of ours in no words that could be relied on; ours would be met without damage too. */
async function ofOutput<Answer>(part: string, read: () => Promise<Answer>): Promise<Answer> {
  try {
    return await read();
  } catch (thrown) {
    const error = BatchCoreError.from(thrown);
    throw error.code === 'BUG' ? damaged(part, `its columns cannot be read: ${error.message}`) : error;
  }
}

/** What cannot be read beside a file of the output that can be is in the source. */
async function ofBoth<Answer>(
  database: Database,
  { part, ranges }: Piece,
  read: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await read();
  } catch (thrown) {
    const error = BatchCoreError.from(thrown);
    if (error.code !== 'BUG') throw error;
    await ofOutput(part, () => touchScores(database, part));
    const file = ranges[0]?.path ?? '';
    throw new BatchCoreError('SOURCE_INVALID', `the labels of ${file} cannot be read: ${error.message}`, {
      where: { file },
      hint: 'copy or write the file again',
      cause: error,
    });
  }
}
