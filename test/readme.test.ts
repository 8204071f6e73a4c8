/** What the README shows runs as it is shown. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { parquet, scratch } from './cli/harness.ts';

const root = resolve(import.meta.dirname, '..');
const directory = scratch();

function examples(): string[] {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
}

/** A project that has the package and what its example imports among its modules, as an installation leaves them. */
function project(): void {
  mkdirSync(join(directory, 'node_modules'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  symlinkSync(root, join(directory, 'node_modules/batch-core'));
  for (const name of ['apache-arrow', '@types'])
    symlinkSync(join(root, 'node_modules', name), join(directory, 'node_modules', name));
}

it('the example of the package has right types, runs, and prints scores', async () => {
  const [code, ...others] = examples();
  expect(others).toEqual([]);
  project();
  const rows = (count: number) =>
    `SELECT i AS id, 10 + (hash(i) % 1000) / 1000.0 AS price, (i % 7)::INTEGER AS amount FROM range(${count}) r(i)`;
  await parquet(join(directory, 'data.parquet'), rows(3000));
  mkdirSync(join(directory, 'history'));
  await parquet(join(directory, 'history/1.parquet'), rows(2000));
  await parquet(join(directory, 'history/2.parquet'), rows(2500));
  const file = join(directory, 'example.ts');
  writeFileSync(file, code!);

  const program = ts.createProgram([file], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(directory, 'node_modules/@types')],
  });
  const complaints = ts.getPreEmitDiagnostics(program);
  expect(complaints.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);

  const plain = ts.transpileModule(code!, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
  });
  writeFileSync(join(directory, 'example.js'), plain.outputText);
  const { stdout } = await promisify(execFile)(process.execPath, ['example.js'], { cwd: directory });
  const [first, ...rest] = stdout.trim().split('\n');
  expect(first).toMatch(/^\d+ .*scores\.parquet$/);
  const [low, high] = rest
    .join(' ')
    .match(/[\d.]+(?=[ ,\]])/g)!
    .slice(-2)
    .map(Number);
  expect(high).toBeGreaterThan(low!);
});
