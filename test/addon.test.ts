/** The package where its native parts are absent, or cannot be loaded for want of memory. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { gaussian, parquet, scratch } from './cli/harness.ts';

const root = resolve(import.meta.dirname, '..');
const directory = scratch();
const run = promisify(execFile);
const onLinux = process.platform === 'linux';

/** An installation of dist alone; `modules` of node_modules beside it. */
function installation(name: string, modules: readonly string[]): string {
  const at = join(directory, name);
  mkdirSync(join(at, 'node_modules'), { recursive: true });
  cpSync(join(root, 'dist'), join(at, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(at, 'package.json'));
  for (const module of modules) symlinkSync(join(root, 'node_modules', module), join(at, 'node_modules', module));
  return at;
}

function script(at: string, body: string): string[] {
  return ['--input-type=module', '-e', `import * as b from '${at}/dist/index.js'; ${body}`];
}

const REPORTED = `.then(() => console.log('{}'), (e) => console.log(JSON.stringify({ ours: e instanceof b.BatchCoreError, code: e.code, message: e.message, hint: e.hint, cause: e.cause?.message })))`;

beforeAll(() => parquet(join(directory, 'data.parquet'), gaussian(3000)));

describe('without the addon', () => {
  const bare = () => installation('bare', ['@duckdb', 'piscina', 'apache-arrow', 'detect-libc']);
  let at: string;
  beforeAll(() => {
    at = bare();
  });

  it('the package is imported, and its errors can be told by class', async () => {
    const { stdout } = await run(
      process.execPath,
      script(at, 'console.log(Object.keys(b).length, b.ERROR_CODES.length > 9)'),
    );
    expect(stdout.trim()).toBe('8 true');
  });

  it.each([
    ['score', "b.score('data.parquet')"],
    ['fit', "b.fit('data.parquet')"],
    ['plan', "b.plan('data.parquet')"],
    ['evaluate', "b.evaluate('data.parquet', { label: 'y' })"],
    ['loadModel', "b.loadModel('data.parquet')"],
  ])('%s says that it is missing, and keeps what the loader said', async (_, call) => {
    const { stdout } = await run(process.execPath, script(at, `${call}${REPORTED}`), { cwd: directory });
    const failure = JSON.parse(stdout);
    expect(failure).toMatchObject({
      ours: true,
      code: 'ADDON_MISSING',
      hint: expect.stringContaining('install again'),
    });
    expect(failure.message).toMatch(
      /^the native part of batch-core for \S+ cannot be loaded: Cannot find module .*index\.cjs/,
    );
  });

  it('what is wrong with the options is said all the same', async () => {
    const { stdout } = await run(process.execPath, script(at, `b.score('x.parquet', { workers: '2' })${REPORTED}`));
    expect(JSON.parse(stdout).code).toBe('USAGE');
  });

  it('a library that is none is named with the reason', async () => {
    const broken = installation('broken', ['@duckdb', 'piscina', 'apache-arrow']);
    mkdirSync(join(broken, 'native'));
    cpSync(join(root, 'native/index.cjs'), join(broken, 'native/index.cjs'));
    const [, library] = /require\('\.\/(batch-core\.[\w-]+\.node)'\)/.exec(ownBranch()) ?? [];
    writeFileSync(join(broken, 'native', library!), 'no library');
    const { stdout } = await run(process.execPath, script(broken, `b.plan('data.parquet')${REPORTED}`), {
      cwd: directory,
    });
    expect(JSON.parse(stdout)).toMatchObject({ code: 'ADDON_MISSING', message: expect.stringContaining(library!) });
    if (onLinux) expect(JSON.parse(stdout).message).toMatch(/invalid ELF header|file too short/);
  });
});

/** The lines of the loader that are about this platform. */
function ownBranch(): string {
  const text = readFileSync(join(root, 'native/index.cjs'), 'utf8');
  const name = { linux: 'linux', darwin: 'darwin', win32: 'win32' }[process.platform as string] ?? '';
  return [...text.matchAll(/require\('\.\/batch-core\.[\w-]+\.node'\)/g)]
    .map(([line]) => line)
    .filter((line) => line.includes(`${name}-${process.arch}`) && !line.includes('musl'))
    .join('\n');
}

it('without the DuckDB client a run says so, and keeps what the loader said', async () => {
  const at = installation('noclient', ['piscina', 'apache-arrow']);
  cpSync(join(root, 'native'), join(at, 'native'), { recursive: true });
  const call = `b.score('data.parquet', { out: 'noclient.parquet' })${REPORTED}`;
  const { stdout } = await run(process.execPath, script(at, call), { cwd: directory });
  expect(JSON.parse(stdout)).toMatchObject({
    ours: true,
    code: 'ADDON_MISSING',
    message: expect.stringMatching(/^the DuckDB client .*Cannot find module '@duckdb\/node-bindings'/),
  });
});

it.runIf(onLinux)('where memory is short the code is OUT_OF_MEMORY, and nobody is told to install again', async () => {
  // Just above what the process has when it asks for the addon, in bytes as the kernel counts them, so that no other
  // machine's Node needs another figure.
  const body = `
    import { readFileSync } from 'node:fs';
    import { execFileSync } from 'node:child_process';
    const size = Number(/VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
    execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + (size + 2 ** 20)]);
    b.plan('data.parquet')${REPORTED};`;
  const { stdout } = await run(process.execPath, script(root, body), { cwd: directory });
  const failure = JSON.parse(stdout);
  expect(failure).toMatchObject({ ours: true, code: 'OUT_OF_MEMORY', hint: expect.stringContaining('ulimit') });
  expect(failure.message).toMatch(/cannot be loaded: .*(failed to map segment|cannot allocate memory)/i);
  expect(failure.hint).not.toContain('install');
});

it('the command line needs nothing beside it to say what it does', async () => {
  const at = installation('alone', []);
  const { stdout } = await run(process.execPath, [join(at, 'dist/cli/main.js'), '--help']);
  expect(stdout).toContain('score every row of a source');
});

it('importing the package loads neither Arrow, nor DuckDB, nor the addon', async () => {
  const body = `
    import { createRequire } from 'node:module';
    const require = createRequire('${root}/x.js');
    const loaded = () => [...Object.keys(require.cache), ...process.report.getReport().sharedObjects].filter((p) => /apache-arrow|@duckdb|batch-core\\.[\\w-]+\\.node/.test(p)).length;
    console.log(loaded());`;
  const { stdout } = await run(process.execPath, script(root, body));
  expect(stdout.trim()).toBe('0');
});

it('worker threads come and go while the main thread keeps the addon', async () => {
  const body = `
    for (let i = 0; i < 3; i++)
      await b.score('data.parquet', { out: 'again.parquet', detector: 'zscore', workers: 2, chunkRows: 1000, fresh: true });
    console.log('done');`;
  const { stdout } = await run(process.execPath, script(root, body), { cwd: directory });
  expect(stdout.trim()).toBe('done');
});
