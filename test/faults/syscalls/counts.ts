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

/** Writes a row for each job that was tried; those of others stay. */
export function writeCounts(counts: readonly Counts[]): void {
  const page = readFileSync(PAGE, 'utf8');
  const [before = '', rest = ''] = page.split(BEGIN);
  const [table = '', after = ''] = rest.split(END);
  const rows = new Map(counts.map((count) => [count.scenario, rowOf(count)]));
  for (const line of table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)) {
    const scenario = line.split('|')[1]?.trim() ?? '';
    if (!rows.has(scenario)) rows.set(scenario, line);
  }
  const head = ['| job | calls | kills | errnos | not reached | wrong |', '|---|---|---|---|---|---|'];
  writeFileSync(PAGE, `${before}${BEGIN}\n${[...head, ...rows.values()].join('\n')}\n${END}${after}`);
}

function rowOf({ scenario, calls, kills, errnos, missed, wrong }: Counts): string {
  return `| ${[scenario, calls, kills, errnos, missed, wrong].join(' | ')} |`;
}
