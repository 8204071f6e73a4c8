/** What may lie where a file of ours is expected, laid out by somebody else or by accident. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Ways to put something that is no regular file at a path; a link leads to `precious`. */
export function strangersTo(precious: string): ((path: string) => void)[] {
  if (process.platform === 'win32') return [(path) => mkdirSync(path)];
  return [
    (path) => execFileSync('mkfifo', [path]),
    (path) => symlinkSync(precious, path),
    (path) => {
      mkdirSync(path);
      writeFileSync(join(path, 'inside'), '');
    },
  ];
}
