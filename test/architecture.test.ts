/** The invariants of ARCHITECTURE.md that can be read off the imports. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rustImports, rustModules } from './rustModules.ts';

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
    ['the DuckDB client', /'(@duckdb\/node-api|#duckdb)'/, ['duckdb/client.ts']],
    ['commander', /from 'commander'/, ['config', 'later', 'options', 'program', 'run'].map((name) => `cli/${name}.ts`)],
    ['tables', /from 'cli-table3'/, ['cli/tables.ts']],
    ['YAML', /from 'yaml'/, ['cli/config.ts']],
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

/**
 * Floors from the ground up, each of rooms (directories, or files of the top level). A room imports from lower floors and
 * from itself: rooms of one floor do not know each other.
 */
const FLOORS = [
  ['errorCodes.ts', 'distance.ts', 'version.ts'],
  ['errors.ts'],
  ['system.ts', 'events', 'inOrder.ts'],
  ['bindings'],
  ['files', 'duckdb', 'worker', 'arrow.ts', 'report.ts'],
  ['engines', 'sink', 'storage'],
  ['source'],
  ['store'],
  ['orchestrator/spec'],
  ['orchestrator/prepare'],
  ['orchestrator/job'],
  ['orchestrator/places'],
  ['orchestrator/work', 'orchestrator/verify'],
  ['orchestrator/evaluate'],
  ['orchestrator/core'],
  ['model.ts'],
  ['index.ts'],
  ['cli'],
];

/** What a client knows: the use cases, what they take and say, and words. */
const CLIENT =
  /^(cli\/|orchestrator\/core\/|orchestrator\/spec\/|events\/|errors|report|distance|files\/paths|system|version)/;

/** What each file of ours imports of ours, types too: whoever names a thing knows it. */
const imports = new Map(files.map(({ name, text }) => [name, importsOf(name, text)]));

function importsOf(name: string, text: string): string[] {
  const paths = [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g)].map(([, path]) => path ?? '');
  return paths.map((path) => relative(root, resolve(root, name, '..', path))).filter((path) => !path.startsWith('..'));
}

describe('the rooms', () => {
  const known = FLOORS.flat();
  const roomOf = (name: string) => known.find((room) => name === room || name.startsWith(`${room}/`));
  const floorOf = (name: string) => FLOORS.findIndex((rooms) => rooms.includes(roomOf(name) ?? ''));

  it('hold every file', () => {
    expect([...imports.keys()].filter((name) => roomOf(name) === undefined)).toEqual([]);
    expect(known.filter((room) => ![...imports.keys()].some((name) => roomOf(name) === room))).toEqual([]);
  });

  it('import downwards only', () => {
    const upward = [...imports].flatMap(([name, targets]) =>
      targets
        .filter((target) => roomOf(target) !== roomOf(name) && floorOf(target) >= floorOf(name))
        .map((target) => `${name} -> ${target}`),
    );
    expect(upward).toEqual([]);
  });

  it('are known to the command line by the use cases alone', () => {
    const inside = [...imports]
      .filter(([name]) => name.startsWith('cli/'))
      .flatMap(([name, targets]) => targets.filter((target) => !CLIENT.test(target)).map((to) => `${name} -> ${to}`));
    expect(inside).toEqual([]);
  });

  it('hold no circle of files', () => {
    expect(circle(imports)).toBeUndefined();
    expect(
      circle(
        new Map([
          ['a', ['b']],
          ['b', ['c']],
          ['c', ['a']],
          ['d', ['a']],
        ]),
      ),
    ).toEqual(['a', 'b', 'c', 'a']);
  });
});

describe('the crates', () => {
  const crates = resolve(root, '../crates');

  it.each(readdirSync(crates))('%s holds no circle of modules', (crate) => {
    expect(circle(rustModules(join(crates, crate, 'src')))).toBeUndefined();
  });

  it.each([
    ['error', ['serde']],
    ['kernels', ['batch-core-error', 'serde', 'serde_json', 'sha2']],
  ])('%s is pure: it depends on nothing that reads or writes', (crate, expected) => {
    const manifest = readFileSync(join(crates, crate, 'Cargo.toml'), 'utf8');
    const tables = manifest.split(/^\[/m).filter((table) => /^([^\]]*\.)?dependencies\b/.test(table));
    expect(tables.flatMap((table) => [...table.matchAll(/^([\w-]+)[\w.]* = /gm)].map(([, name]) => name))).toEqual(
      expected,
    );
  });

  it('are read as Rust reads them', () => {
    const texts = {
      'lib.rs': `mod a;\nmod b;\nmod c;\n#[cfg(test)]\nmod laws;\npub use b::inner::{Deep as Given, Other};`,
      'a.rs': `use crate::{\n    Given,\n    c::{self, Low},\n};\n#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::b;\n}`,
      'b.rs': `pub mod inner;\npub(crate) struct Top; // crate::a\n`,
      'b/inner.rs': `pub use super::Top as Deep;\nmod under {\n    use super::Other;\n}\nfn f() { crate::c::f("crate::a::x") }`,
      'c.rs': `#[cfg(test)]\nuse crate::a;\nuse std::fmt;\npub fn f() { laws::f() }`,
      'laws.rs': `use crate::a;`,
    };
    expect(Object.fromEntries(rustImports(new Map(Object.entries(texts))))).toEqual({
      'lib.rs': ['b.rs', 'b/inner.rs'],
      'a.rs': ['b.rs', 'c.rs'],
      'b.rs': [],
      'b/inner.rs': ['b.rs', 'c.rs'],
      'c.rs': [],
    });
  });
});

/** A way from a file back to itself, if there is one. */
function circle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const cleared = new Set<string>();
  const walk = (name: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (cleared.has(name)) return undefined;
    for (const next of graph.get(name) ?? []) {
      const found = walk(next, [...way, name]);
      if (found) return found;
    }
    cleared.add(name);
    return undefined;
  };
  for (const name of graph.keys()) {
    const found = walk(name, []);
    if (found) return found;
  }
  return undefined;
}

it('the control plane never touches a row: no Arrow outside the model that callers hold', () => {
  expect(importers(/'apache-arrow'/)).toEqual(['arrow.ts']);
});
