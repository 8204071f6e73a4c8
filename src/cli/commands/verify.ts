/** `verify`: is the output what was written? */
import { EXIT } from '../../errors.ts';
import { verify } from '../../orchestrator/core/verify.ts';
import { bytesText, rowsText } from '../print.ts';
import { printJson, printLines } from '../streams.ts';

export async function verifyCommand(target: string, flags: { home?: string; json?: boolean }): Promise<number> {
  const result = await verify(target, flags.home);
  const whole = result.unchecked.length === 0;
  if (flags.json) printJson({ status: whole ? 'whole' : 'unchecked', ...result });
  else
    printLines([
      `${result.path} ${whole ? 'is whole' : 'shows no damage'}: ${result.rows === null ? '' : `${rowsText(result.rows)} rows, `}${bytesText(result.bytes)} (${result.checks.join(', ')})`,
      ...result.unchecked.map((what) => `  not checked: ${what}`),
    ]);
  return EXIT.ok;
}
