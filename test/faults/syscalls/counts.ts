/** The table of docs/durability.md that `npm run faults` writes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rowsUnder, tableOf } from '../../markdown.ts';
import { SCENARIOS } from './scenarios.ts';

export interface Counts {
  scenario: string;
  /** System calls that change the file system. */
  calls: number;
  kills: number;
  errnos: number;
  /** Faults whose call did not come: the run ended in peace. */
  missed: number;
  wrong: number;
}

const PAGE = join(import.meta.dirname, '../../../docs/durability.md');
const [BEGIN, END] = ['<!-- counts: written by npm run faults -->', '<!-- end of counts -->'];
const HEADS = ['job', 'calls', 'kills', 'errnos', 'not reached', 'wrong'];

/** Writes a row for each job that was tried; those of others stay. */
export function writeCounts(counts: readonly Counts[]): void {
  const page = readFileSync(PAGE, 'utf8');
  const before = page.slice(0, page.indexOf(BEGIN));
  const after = page.slice(page.indexOf(END));
  const known = new Map(rowsUnder(page, 'job').map((row) => [row[0], row]));
  for (const { scenario, calls, kills, errnos, missed, wrong } of counts)
    known.set(scenario, [scenario, ...[calls, kills, errnos, missed, wrong].map(String)]);
  const rows = SCENARIOS.flatMap(({ name }) => {
    const row = known.get(name);
    return row ? [row] : [];
  });
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${tableOf(HEADS, rows)}\n\n${after}`);
}
