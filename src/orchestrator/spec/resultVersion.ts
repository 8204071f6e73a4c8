/** The version of what a job's bytes are: part of its identity. */

/** Raised only when the bytes of an output change; the package's own version is no part of a job. */
export const RESULT_VERSION = 10;
