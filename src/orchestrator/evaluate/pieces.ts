/** How an output is read beside its source: so many rows at a time that the labels of a piece fit in memory. Pure. */

/** A file of a source, as rows of an output name it: `name` is empty where there is only one. */
export interface LabelledFile {
  path: string;
  name: string;
  rows: number;
}

/** The rows that one file of the source has in one file of the output. */
export interface Stretch {
  /** The file of the output. */
  part: string;
  /** The name of the source's file. */
  name: string;
  rows: number;
  /** Row numbers in the source's file. */
  rowFirst: number;
  rowLast: number;
  /** Row numbers in the output's file. */
  placeFirst: number;
  placeLast: number;
}

/** Rows of one file of a source. */
export interface Range {
  path: string;
  name: string;
  rowFirst: number;
  rowLast: number;
}

/** Rows of a file of the output, and all those of the source that they may be. */
export interface Piece {
  part: string;
  placeFirst: number;
  placeLast: number;
  ranges: Range[];
}

/** Rows of a source whose labels are held at a time. */
export const PIECE_ROWS = 2 ** 21;
/** Files that one statement reads beside the output. */
const PIECE_FILES = 64;

/** Cuts long stretches, and puts short ones that follow each other together. */
export function planPieces(stretches: readonly Stretch[], pathOf: (name: string) => string, rowsMax: number): Piece[] {
  const pieces: Piece[] = [];
  let rows = 0;
  for (const stretch of stretches) {
    const { part, placeFirst, placeLast } = stretch;
    for (const range of cut(stretch, pathOf(stretch.name), rowsMax)) {
      const last = pieces.at(-1);
      const span = range.rowLast - range.rowFirst + 1;
      if (last?.part === part && rows + span <= rowsMax && last.ranges.length < PIECE_FILES) {
        last.ranges.push(range);
        last.placeFirst = Math.min(last.placeFirst, placeFirst);
        last.placeLast = Math.max(last.placeLast, placeLast);
        rows += span;
      } else {
        pieces.push({ part, placeFirst, placeLast, ranges: [range] });
        rows = span;
      }
    }
  }
  return pieces;
}

function cut({ name, rowFirst, rowLast }: Stretch, path: string, rowsMax: number): Range[] {
  const ranges: Range[] = [];
  for (let first = rowFirst; first <= rowLast; first += rowsMax)
    ranges.push({ path, name, rowFirst: first, rowLast: Math.min(rowLast, first + rowsMax - 1) });
  return ranges;
}
