/** The table of docs/durability.md that `npm run faults` writes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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

export function writeCounts(counts: readonly Counts[]): void {
  const page = readFileSync(PAGE, 'utf8');
  const [before = '', rest = ''] = page.split(BEGIN);
  const after = rest.split(END)[1] ?? '';
  const head = '| job | calls | kills | errnos | not reached | wrong |\n|---|---|---|---|---|---|\n';
  const rows = counts.map(
    (c) => `| ${c.scenario} | ${c.calls} | ${c.kills} | ${c.errnos} | ${c.missed} | ${c.wrong} |\n`,
  );
  writeFileSync(PAGE, `${before}${BEGIN}\n${head}${rows.join('')}${END}${after}`);
}
