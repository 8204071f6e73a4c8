/** Commands as hints name them: to be pasted into a shell as they are. */
import { realpathSync } from 'node:fs';
import type { ErrorCode } from '../../errors.ts';
import { shellWord } from '../../files/paths.ts';
import { resolveHome } from './home.ts';

/** The command that does `verb` to a job, from the working directory; `--home` where it would look elsewhere. */
export function jobCommand(verb: string, jobId: string, home: string, ...flags: string[]): string {
  return ['batch-core', verb, ...(jobId === '' ? [] : [shellWord(jobId)]), ...flags, ...homeFlag(home)].join(' ');
}

/** The flag that names the home; none where a command looks there without it. */
function homeFlag(home: string): string[] {
  return looksIn(home) ? [] : ['--home', shellWord(home)];
}

function looksIn(home: string): boolean {
  try {
    const usual = resolveHome(undefined, '');
    return usual === home || realpathSync(usual) === realpathSync(home);
  } catch {
    // No working directory, or no home in it.
    return false;
  }
}

const GO_ON: Partial<Record<ErrorCode, (resume: string) => string>> = {
  CANCELLED: (resume) => `finished chunks are kept: run the same command, or "${resume}", to go on`,
  CHUNK_CRASHED: (resume) => `give it more memory, then "${resume}" tries once more; finished chunks are kept`,
};

/** How a job goes on that ended with an error of `code`, told to whoever asks from this directory. */
export function goOnHint(code: ErrorCode, jobId: string, home: string): string | undefined {
  return GO_ON[code]?.(jobCommand('resume', jobId, home));
}
