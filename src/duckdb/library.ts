/** Where the libduckdb lies that `@duckdb/node-bindings` ships for the client: the native scanner loads the very same file. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { preloadLibrary as mapLibrary } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';

/** A platform as npm names it; `musl` only on a Linux without glibc. */
export interface Platform {
  platform: string;
  arch: string;
  musl: boolean;
}

/** The npm package that ships libduckdb for `platform`. */
export function libraryPackage({ platform, arch, musl }: Platform): string {
  return `@duckdb/node-bindings-${platform}-${arch}${platform === 'linux' && musl ? '-musl' : ''}`;
}

/** The name of libduckdb's file on `platform`. */
export function libraryName(platform: string): string {
  if (platform === 'win32') return 'duckdb.dll';
  return platform === 'darwin' ? 'libduckdb.dylib' : 'libduckdb.so';
}

/** The absolute path of libduckdb. */
export function libraryPath(on?: Platform): string {
  let platform = on ?? { platform: process.platform, arch: process.arch, musl: false };
  try {
    // What it depends on is not ours, and need not be hoisted to where we see it.
    const bindings = createRequire(createRequire(import.meta.url).resolve('@duckdb/node-bindings'));
    if (on === undefined) platform = { ...platform, musl: isMusl(bindings) };
    const addon = bindings.resolve(`${libraryPackage(platform)}/duckdb.node`);
    const library = join(dirname(addon), libraryName(platform.platform));
    if (existsSync(library)) return library;
    throw new Error(`"${library}" is not there`);
  } catch (cause) {
    const name = libraryPackage(platform);
    throw new BatchCoreError('ADDON_MISSING', `libduckdb for ${platform.platform} ${platform.arch} is not installed`, {
      hint: `it comes with ${name}: install again without --omit=optional, on the platform it is to run on`,
      cause,
    });
  }
}

/** Maps it on a thread of the runtime's pool, while something else is done. Who needs it is told what is wrong with it. */
export function preloadLibrary(): void {
  try {
    mapLibrary(libraryPath()).catch(() => {});
  } catch {
    // The addon, or the library, is not there.
  }
}

/** Asks as the bindings themselves do, so that the scanner and the client always load the same library. */
function isMusl(bindings: NodeJS.Require): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const { familySync, MUSL } = bindings('detect-libc') as { familySync(): string | null; MUSL: string };
    return familySync() === MUSL;
  } catch {
    return false;
  }
}
