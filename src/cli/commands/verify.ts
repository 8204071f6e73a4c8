/** `verify`: is the output what was written? */
import { EXIT } from '../../errors.ts';
import { resolveHome } from '../../orchestrator/home.ts';
import { verify } from '../../orchestrator/verify.ts';
import { canLookAround, fromHere, isLost, notUtf8 } from '../../paths.ts';
import { bytesText, rowsText } from '../print.ts';
import { printJson, printLine } from '../streams.ts';

/** The home beside `path`, where there is no other: the working directory has none when it is gone. */
function homeAlone(path: string): string | undefined {
  return canLookAround() ? undefined : resolveHome(undefined, path);
}

export async function verifyCommand(target: string, flags: { home?: string; json?: boolean }): Promise<number> {
  const path = fromHere(target);
  if (isLost(target, path)) throw notUtf8(target, path);
  const result = await verify(target, flags.home ?? homeAlone(path));
  const whole = result.unchecked.length === 0;
  if (flags.json) printJson({ status: whole ? 'whole' : 'unchecked', ...result });
  else
    printLine(
      `${result.path} ${whole ? 'is whole' : 'shows no damage'}: ${rowsText(result.rows)} rows, ${bytesText(result.bytes)} (${result.checks.join(', ')})${result.unchecked.map((what) => `\n  not checked: ${what}`).join('')}`,
    );
  return EXIT.ok;
}
