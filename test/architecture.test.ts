/** The invariants of ARCHITECTURE.md that can be read off the imports. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.c?ts$/.test(name))
  .map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }));

const importers = (pattern: RegExp) =>
  files
    .filter(({ text }) => pattern.test(text))
    .map(({ name }) => name)
    .sort();

describe('each outside thing has exactly one importer', () => {
  it.each<[string, RegExp, string[]]>([
    ['piscina', /from 'piscina'/, ['engines/threads.ts']],
    ['the addon', /native\/index\.cjs/, ['bindings/native.ts']],
    ['the DuckDB client', /(from|require\()\s*'@duckdb\/node-api'/, ['duckdb/client.ts']],
    ['commander', /from 'commander'/, ['cli/later.ts', 'cli/options.ts', 'cli/program.ts', 'cli/run.ts']],
    ['tables', /from 'cli-table3'/, ['cli/tables.ts']],
  ])('%s', (_, pattern, expected) => {
    expect(importers(pattern)).toEqual(expected);
  });

  it('what is printed goes through one door, which escapes it', () => {
    expect(importers(/process\.(stdout|stderr)\b|console\.(log|error|warn|info)\b/)).toEqual(['cli/streams.ts']);
  });

  it('process.argv and process.exit belong to the command line', () => {
    for (const name of importers(/process\.(argv|exit\()/)) expect(name).toMatch(/^cli\//);
  });
});

/** Rooms from the ground up; a room imports only from its own floor's room or from lower ones. */
const floors = [
  ['errors.ts', 'errorCodes.ts', 'paths.ts', 'distance.ts'],
  ['bindings', 'duckdb'],
  ['source', 'sink', 'worker'],
  ['engines', 'store', 'report.ts', 'arrow.ts', 'system.ts'],
  ['orchestrator'],
  ['model.ts'],
  ['index.ts'],
  ['cli'],
];

it('arrows point down', () => {
  const floorOf = (name: string) => floors.findIndex((rooms) => rooms.includes(name.split('/')[0]!));
  const upward: string[] = [];
  for (const { name, text } of files) {
    expect(floorOf(name), `${name} stands on a floor`).toBeGreaterThanOrEqual(0);
    // Types alone carry no code upwards: plain data may be named by whoever handles it.
    for (const [, path] of text.matchAll(/^import (?!type )[^;]*?from '(\.[^']+)'/gms)) {
      const target = relative(root, resolve(root, name, '..', path!));
      if (/^import \{(\s*type [^,}]+,?)+\s*\}/.test(text.slice(text.indexOf(path!) - 400))) continue;
      if (floorOf(target) > floorOf(name)) upward.push(`${name} -> ${target}`);
    }
  }
  expect(upward).toEqual([]);
});

it('the control plane never touches a row: no Arrow outside the model that callers hold', () => {
  expect(importers(/'apache-arrow'/)).toEqual(['arrow.ts']);
});
