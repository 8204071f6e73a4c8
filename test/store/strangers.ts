/** What may lie where a file of ours is expected, laid out by somebody else or by accident. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Ways to put something that is no regular file at a path; a link leads to `precious`. */
export function strangersTo(precious: string): ((path: string) => void)[] {
  if (process.platform === 'win32') return [(path) => mkdirSync(path)];
  return [
    (path) => execFileSync('mkfifo', [path]),
    (path) => symlinkSync(precious, path),
    socketAt,
    (path) => {
      mkdirSync(path);
      writeFileSync(join(path, 'inside'), '');
    },
  ];
}

/** A socket that nobody listens at any more: a server that ends by itself takes its own away. */
function socketAt(path: string): void {
  const server = `require('net').createServer().listen('./${basename(path)}', () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', server], { cwd: dirname(path) });
}
