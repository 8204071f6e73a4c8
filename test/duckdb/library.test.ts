import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { libraryName, libraryPackage, libraryPath } from '../../src/duckdb/library.ts';

it.each<[string, string, boolean, string, string]>([
  ['linux', 'x64', false, '@duckdb/node-bindings-linux-x64', 'libduckdb.so'],
  ['linux', 'arm64', true, '@duckdb/node-bindings-linux-arm64-musl', 'libduckdb.so'],
  ['darwin', 'arm64', false, '@duckdb/node-bindings-darwin-arm64', 'libduckdb.dylib'],
  ['darwin', 'x64', true, '@duckdb/node-bindings-darwin-x64', 'libduckdb.dylib'],
  ['win32', 'x64', false, '@duckdb/node-bindings-win32-x64', 'duckdb.dll'],
])('%s %s, musl %s', (platform, arch, musl, packageName, name) => {
  expect(libraryPackage({ platform, arch, musl })).toBe(packageName);
  expect(libraryName(platform)).toBe(name);
});

it('lies beside the client of this platform', () => {
  expect(existsSync(libraryPath())).toBe(true);
});

it('says how to get it when it is not there', () => {
  expect(() => libraryPath({ platform: 'sunos', arch: 'sparc', musl: false })).toThrow(
    expect.objectContaining({
      code: 'ADDON_MISSING',
      message: 'libduckdb for sunos sparc is not installed',
      hint: expect.stringContaining('@duckdb/node-bindings-sunos-sparc'),
    }),
  );
});
