/** The version of this package: part of a job's identity. */
import { createRequire } from 'node:module';

export const VERSION: string = createRequire(import.meta.url)('../../package.json').version;

/** Raised only when the bytes of an output change; the package's own version is no part of a job. */
export const RESULT_VERSION = 5;
