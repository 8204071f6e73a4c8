/** `verify`: is the output what was written? */
import { accessSync, constants } from 'node:fs';
import { EXIT, isSystemError, readError } from '../../errors.ts';
import { resolveHome } from '../../orchestrator/home.ts';
import { verify } from '../../orchestrator/verify.ts';
import { canLookAround, fromHere, isLost, notUtf8 } from '../../paths.ts';
import { bytesText, rowsText } from '../print.ts';
import { printJson, printLine } from '../streams.ts';

/** The home beside `path`, where there is no other: the working directory has none when it is gone. */
function homeAlone(path: string): string | undefined {
  return canLookAround() ? undefined : resolveHome(undefined, path);
}

/** What may not be read is not damaged. What is not there may be a job's id. */
function refuseUnreadable(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (cause) {
    const code = isSystemError(cause) ? cause.code : undefined;
    if (code === 'EACCES' || code === 'EPERM') throw readError(cause, path, { path, absent: 'SOURCE_NOT_FOUND' });
  }
}

export async function verifyCommand(target: string, flags: { home?: string; json?: boolean }): Promise<number> {
  const path = fromHere(target);
  if (isLost(target, path)) throw notUtf8(target, path);
  refuseUnreadable(path);
  const result = await verify(target, flags.home ?? homeAlone(path));
  const whole = result.unchecked.length === 0;
  if (flags.json) printJson({ status: whole ? 'whole' : 'unchecked', ...result });
  else
    printLine(
      `${result.path} ${whole ? 'is whole' : 'shows no damage'}: ${rowsText(result.rows)} rows, ${bytesText(result.bytes)} (${result.checks.join(', ')})${result.unchecked.map((what) => `\n  not checked: ${what}`).join('')}`,
    );
  return EXIT.ok;
}
