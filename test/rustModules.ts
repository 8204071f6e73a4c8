/** Which modules of a crate name which, read off their text. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Module {
  /** `lib.rs`, `encode/leaf.rs`: its file in `src`. */
  file: string;
  /** `encode::leaf`; the root's is empty. */
  path: string;
  text: string;
  /** What it gives away under its own name, and where that comes from. */
  given: Map<string, string[]>;
}

/** What each module of the crate at `src` names of the others; those that are compiled for tests only are left out. */
export function rustModules(src: string): Map<string, string[]> {
  const names = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.rs'));
  return rustImports(new Map(names.map((name) => [name, readFileSync(join(src, name), 'utf8')])));
}

/** The same of texts by file. */
export function rustImports(texts: ReadonlyMap<string, string>): Map<string, string[]> {
  const all = [...texts].map(([file, text]): Module => {
    const path = file === 'lib.rs' ? '' : file.replace(/(\/mod)?\.rs$/, '').replaceAll('/', '::');
    return { file, path, text: compiled(text), given: new Map() };
  });
  const modules = new Map(all.filter((module) => isReached(module.path, all)).map((module) => [module.path, module]));
  for (const module of modules.values())
    for (const [, tree = ''] of module.text.matchAll(/\bpub(?:\(\w+\))? use ([^;]+);/g))
      for (const { path, name } of leaves(tree)) module.given.set(name, absolute(path, module, modules));
  return new Map(
    [...modules.values()].map((module) => {
      const named = pathsOf(module.text).map((path) => owner(absolute(path, module, modules), modules).file);
      return [module.file, [...new Set(named)].filter((file) => file !== module.file)];
    }),
  );
}

/** The text without comments, strings and what is compiled for tests only. */
function compiled(text: string): string {
  const bare = text
    .replace(/\/\/.*$/gm, '')
    .replace(/b?r#"[\s\S]*?"#/g, '""')
    .replace(/"(?:\\[\s\S]|[^"\\])*"/g, '""');
  // rustfmt closes an item in the column where it begins.
  const used = bare.replace(/^( *)#\[cfg\((?:test|any\(test\b.*)\)\]\n(?:\1.*[;,]$|\1[\s\S]*?^\1\})/gm, '');
  // Seen from a module inside the file, what is above it is the file.
  const inner = /^( *)(?:pub(?:\(\w+\))? )?mod \w+ \{\n[\s\S]*?^\1\}/gm;
  return used.replace(inner, (module) => module.replace(/\bsuper::/g, 'self::'));
}

/** Whether every module above declares the next one. */
function isReached(path: string, modules: readonly Module[]): boolean {
  if (path === '') return true;
  const parts = path.split('::');
  const name = parts.pop();
  const parent = parts.join('::');
  const declares = new RegExp(`\\bmod ${name};`).test(modules.find((module) => module.path === parent)?.text ?? '');
  return declares && isReached(parent, modules);
}

/** Every path in `text` that may lead to a module of the crate. */
function pathsOf(text: string): string[][] {
  const uses = [...text.matchAll(/\buse ([^;]+);/g)].flatMap(([, tree = '']) => leaves(tree).map(({ path }) => path));
  const inline = [...text.matchAll(/(?<!::|\w)\w+(?:::\w+)+/g)].map(([path]) => path.split('::'));
  return [...uses, ...inline];
}

/** The paths of a tree of imports, and the name each has here. */
function leaves(tree: string, before: readonly string[] = []): { path: string[]; name: string }[] {
  const text = tree.trim();
  const open = text.indexOf('{');
  if (open < 0) {
    const [named = '', name] = text.split(/\s+as\s+/);
    const path = [...before, ...named.split('::')].filter((part) => part !== 'self' || before.length === 0);
    return [{ path, name: name ?? path.at(-1) ?? '' }];
  }
  const stem = [...before, ...text.slice(0, open).split('::').filter(Boolean)];
  return branches(text.slice(open + 1, text.lastIndexOf('}'))).flatMap((branch) => leaves(branch, stem));
}

/** What commas part that no brace holds together. */
function branches(text: string): string[] {
  let depth = 0;
  const parts = [''];
  for (const character of text) {
    depth += character === '{' ? 1 : character === '}' ? -1 : 0;
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.filter((part) => part.trim() !== '');
}

/** A path as seen from the crate's root; empty for what is no module's. */
function absolute(path: readonly string[], module: Module, modules: ReadonlyMap<string, Module>): string[] {
  const here = module.path.split('::').filter(Boolean);
  const rest = [...path];
  const first = rest.shift() ?? '';
  if (first === 'crate') return rest;
  if (first === 'self') return [...here, ...rest];
  if (first === 'super') {
    here.pop();
    for (; rest[0] === 'super'; rest.shift()) here.pop();
    return [...here, ...rest];
  }
  return modules.has([...here, first].join('::')) ? [...here, ...path] : [...here];
}

/** The module that defines what a path from the root leads to: what is given away has its definition elsewhere. */
function owner(path: readonly string[], modules: ReadonlyMap<string, Module>): Module {
  let at = modules.get('') as Module;
  for (const [index, part] of path.entries()) {
    const inner = modules.get([at.path, part].filter(Boolean).join('::'));
    const given = at.given.get(part);
    if (inner === undefined)
      return given && given.join('::') !== path.join('::') ? owner([...given, ...path.slice(index + 1)], modules) : at;
    at = inner;
  }
  return at;
}
