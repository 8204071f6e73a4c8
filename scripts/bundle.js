// What a command loads before its first chunk, in few files: Node resolves, reads and compiles module by module, and keeps
// nothing of it. Of ours, the command line and the worker; of others, the DuckDB client, which is 150 files. Runs after tsc,
// whose modules the package is made of, and puts bundles in the place of the two entries.
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const directory = 'dist/bundle';
rmSync(directory, { recursive: true, force: true });
mkdirSync(directory, { recursive: true });

/** A bundle lies two directories deep, as every module does that names a file of the package by its path. */
await bundle(
  { input: { 'cli/main': 'src/cli/main.ts', 'worker/thread': 'src/worker/thread.ts' }, external: /^[^./]/ },
  { dir: 'dist', format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'bundle/[name].js', sourcemap: true },
);

const client = createRequire(import.meta.url).resolve('@duckdb/node-api');
await bundle(
  { input: client, external: '@duckdb/node-bindings' },
  { file: join(directory, 'duckdb.cjs'), format: 'cjs' },
);
copyFileSync(join(dirname(client), '../LICENSE'), join(directory, 'duckdb.LICENSE'));

async function bundle(input, output) {
  const made = await rolldown({ ...input, platform: 'node' });
  await made.write(output);
  await made.close();
}
