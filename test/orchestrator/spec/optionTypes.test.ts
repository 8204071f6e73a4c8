/** The package's types are made from the table of options: npx vitest run test/orchestrator/spec/optionTypes.test.ts -u */
import { expect, it } from 'vitest';
import type { Group, OptionRow } from '../../../src/orchestrator/spec/option.ts';
import { otherwiseOf } from '../../../src/orchestrator/spec/optionFacts.ts';
import { OPTIONS } from '../../../src/orchestrator/spec/optionTable.ts';

const HEAD = `/** What a caller may ask for. Made from optionTable.ts by test/orchestrator/spec/optionTypes.test.ts. */
import type { EngineName } from '../../engines/engine.ts';

/** What a null or NaN cell means: the column's centre, a row without a score, or an error. */
export type Missing = 'center' | 'skip' | 'error';

/** Values of detector parameters, by name. */
export type Parameters = Record<string, string | number | boolean>;
`;

function property(row: OptionRow): string {
  const { name, type, doc, more } = row;
  const otherwise = otherwiseOf(row);
  const sentences = [
    doc.charAt(0).toUpperCase() + doc.slice(1),
    ...(otherwise === undefined ? [] : [`Default: ${otherwise}`]),
    ...(more === undefined ? [] : [more.replaceAll('--set aggregate=sum', "the parameter aggregate: 'sum'")]),
  ];
  const declared = row.needed ? `${name}: ${type}` : `${name}?: ${type} | undefined`;
  return `${comment(sentences.map((sentence) => `${sentence}.`).join(' '))}\n  ${declared};`;
}

/** On one line where it fits. */
function comment(text: string): string {
  if (text.length < 108) return `  /** ${text} */`;
  const lines = text.match(/.{1,108}(?= |$)/g) ?? [];
  return ['  /**', ...lines.map((line) => `   * ${line.trim()}`), '   */'].join('\n');
}

/** Of groups, or of single options. */
const properties = (...of: (Group | 'home')[]) =>
  OPTIONS.filter(({ group, name }) => of.includes(group) || of.some((one) => one === name))
    .map(property)
    .join('\n');

it('optionTypes.ts says what the table does', async () => {
  const text = [
    HEAD,
    `/** How a model is fitted, and how the work is carried out. */\nexport interface FitOptions {\n${properties('fit', 'run')}\n}\n`,
    `/** How a source is scored. */\nexport interface ScoreOptions extends FitOptions {\n${properties('score')}\n}\n`,
    `/** What an output is compared with. */\nexport interface EvaluateOptions {\n${properties('evaluate', 'home')}\n}\n`,
    `/** How a forest is calibrated that another program fitted. */\nexport interface ForestOptions extends Omit<FitOptions, 'detector' | 'parameters' | 'exclude'> {\n${properties('forest')}\n}\n`,
  ];
  await expect(text.join('\n')).toMatchFileSnapshot('../../../src/orchestrator/spec/optionTypes.ts');
});
