/** How long names and paths may be. Pure. */
import { basename } from 'node:path';

/** Bytes of a file name and of a path, as Linux and macOS allow; the latter without its final NUL. */
const NAME_BYTES_MAX = 255;
const PATH_BYTES_MAX = 4095;

/**
 * What is wrong with the length of `path`, beside which a name of `siblingBytes` must be possible; nothing when both fit.
 */
export function tooLong(path: string, siblingBytes: number): string | undefined {
  const name = Buffer.byteLength(basename(path));
  if (name > NAME_BYTES_MAX) return `its name has ${name} bytes; ${NAME_BYTES_MAX} are allowed`;
  const directory = Buffer.byteLength(path) - name;
  const room = PATH_BYTES_MAX - Math.max(name, siblingBytes);
  return directory > room ? `its directory's path has ${directory} bytes; ${room} are allowed` : undefined;
}
