/** `verify`: is the output what was written? */
import { EXIT } from '../../errors.ts';
import { verify } from '../../orchestrator/verify.ts';
import { bytesText, rowsText } from '../print.ts';
import { printJson, printLine } from '../streams.ts';

export async function verifyCommand(target: string, flags: { home?: string; json?: boolean }): Promise<number> {
  const result = await verify(target, flags.home);
  if (flags.json) printJson({ status: 'whole', ...result });
  else
    printLine(
      `${result.path} is whole: ${rowsText(result.rows)} rows, ${bytesText(result.bytes)} (${result.checks.join(', ')})`,
    );
  return EXIT.ok;
}
