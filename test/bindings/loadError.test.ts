import { expect, it } from 'vitest';
import { loadError } from '../../src/bindings/loadError.ts';
import type { ErrorCode } from '../../src/errors.ts';

it.each<[said: string, limited: boolean, code: ErrorCode, hint: RegExp]>([
  ["Cannot find module '@duckdb/node-bindings-linux-x64/duckdb.node'", true, 'ADDON_MISSING', /^install again$/],
  ['libduckdb.so: cannot open shared object file: No such file or directory', true, 'ADDON_MISSING', /^install again$/],
  ['libduckdb.so: cannot open shared object file: Too many open files', false, 'TOO_MANY_FILES', /ulimit -n/],
  ['libduckdb.so: cannot allocate memory in static TLS block', true, 'ADDON_MISSING', /optional_static_tls/],
  [
    'libduckdb.so: failed to map segment from shared object: Cannot allocate memory',
    false,
    'OUT_OF_MEMORY',
    /ulimit -v/,
  ],
  ['libduckdb.so: failed to map segment from shared object', true, 'OUT_OF_MEMORY', /ulimit -v/],
  // As on a file system that is mounted noexec.
  ['libduckdb.so: failed to map segment from shared object', false, 'ADDON_MISSING', /^install again$/],
])('%s, limited %s -> %s', (said, limited, code, hint) => {
  const error = loadError('the client', new Error(`${said}\nRequire stack:\n- a.js`), 'install again', () => limited);
  expect(error).toMatchObject({ code, message: `the client cannot be loaded: ${said}` });
  expect(error.hint).toMatch(hint);
});

it('of several places that were tried, the one that was there tells why', () => {
  const absent = new Error("Cannot find module './batch-core.linux-x64-musl.node'");
  const refused = new Error('batch-core.node: invalid ELF header', { cause: absent });
  const tried = new Error('Cannot find native binding. npm has a bug', {
    cause: new Error("Cannot find module 'x'", { cause: refused }),
  });
  expect(loadError('it', tried, 'install').message).toBe('it cannot be loaded: batch-core.node: invalid ELF header');
});
