/** What follows from the table of options. Pure. */
import type { OptionRow } from './option.ts';
import { DEFAULTS, OPTIONS } from './optionTable.ts';

/** How a run is carried out, as a resume may be told anew; its home is where it lies. */
export const HOW: readonly OptionRow[] = OPTIONS.filter(
  ({ group, name, decides, once }) => group === 'run' && decides === 'nothing' && !once && name !== 'home',
);

/** What an evaluation is told. */
export const EVALUATE: readonly OptionRow[] = [
  ...OPTIONS.filter(({ group }) => group === 'evaluate'),
  ...OPTIONS.filter(({ group, takers }) => group !== 'evaluate' && takers.includes('evaluate')),
];

/** What says how a forest is calibrated, beside what says how it is imported. */
export const CALIBRATION: readonly OptionRow[] = OPTIONS.filter(
  ({ name, takers }) => takers.includes('model import') && !['forest', 'columns', 'missing', 'force'].includes(name),
);

/** The options of which one says which rows are flagged. */
export const FLAG_RULES = ['contamination', 'threshold', 'top'] as const;

/** How the command line calls an option: the property's name where it has no flag. */
export function flagOf({ name, flags }: OptionRow): string {
  return /--[a-z-]+/.exec(flags ?? '')?.[0] ?? name;
}

/** What holds without an option, in words; nothing where nothing does. */
export function otherwiseOf({ name, otherwise }: OptionRow): string | undefined {
  if (otherwise !== undefined) return otherwise;
  const value = (DEFAULTS as Readonly<Record<string, unknown>>)[name];
  return value === undefined ? undefined : String(value);
}
