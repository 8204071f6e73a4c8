/** Whether what was published is still what was written. */
export type { Verified } from '../verify/verified.ts';
export { verify } from '../verify/verify.ts';
