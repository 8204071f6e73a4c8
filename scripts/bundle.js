// What a command loads before its first chunk, in few files: Node resolves, reads and compiles module by module, and keeps
// nothing of it. Runs after tsc, whose modules the package is made of, and puts the command line and the worker's thread in
// the place of theirs, with what of others only the command line uses. The DuckDB client becomes one file of 150. What is
// bundled stays among the dependencies, where audits look for it.
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const directory = 'dist/bundle';
const licenses = join(directory, 'licenses');
for (const old of [directory, 'dist/cli']) rmSync(old, { recursive: true, force: true });
mkdirSync(licenses, { recursive: true });

// A bundle lies two directories deep, as every module does that names a file of the package by its path.
await bundle(
  {
    input: { 'cli/main': 'src/cli/main.ts', 'worker/thread': 'src/worker/thread.ts' },
    external: ['apache-arrow', 'piscina', 'yaml'],
  },
  { dir: 'dist', format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'bundle/[name].js', sourcemap: true },
);
await bundle(
  { input: createRequire(import.meta.url).resolve('@duckdb/node-api'), external: '@duckdb/node-bindings' },
  { file: join(directory, 'duckdb.cjs'), format: 'cjs', minify: true },
);

async function bundle(input, output) {
  const build = await rolldown({ ...input, platform: 'node' });
  const { output: files } = await build.write(output);
  await build.close();
  for (const { moduleIds = [] } of files) moduleIds.forEach(keepLicense);
}

/** What is copied from others goes with their licenses. */
function keepLicense(path) {
  const [, at, name] = /^(.*\/node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(path.replaceAll('\\', '/')) ?? [];
  if (at === undefined) return;
  const license = ['LICENSE', 'license', 'LICENSE.md', 'LICENSE-MIT.txt'].find((file) => existsSync(join(at, file)));
  if (license === undefined) throw new Error(`${at} has no license`);
  copyFileSync(join(at, license), join(licenses, name.replaceAll('/', '+')));
}
