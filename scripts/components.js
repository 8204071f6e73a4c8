// What some tests need beside Node and Rust. With BATCH_CORE_ALL=1 it is installed, and what cannot be had is a failure;
// without, the tests that need it are skipped, which is said here.
import { spawnSync } from 'node:child_process';

/** [program, how it is asked whether it is there, Debian package, what is skipped without it] */
const components = [['strace', ['-V'], 'strace', 'faults at system calls']];

const all = process.env.BATCH_CORE_ALL === '1';
const works = (program, args) => spawnSync(program, args, { stdio: 'ignore' }).status === 0;

/** As root, or as one who may become it. */
function install(name) {
  const [program, ...prefix] = process.getuid?.() === 0 ? ['apt-get'] : ['sudo', '-n', 'apt-get'];
  const apt = (...args) => works(program, [...prefix, ...args]);
  return apt('install', '-y', '-qq', name) || (apt('update', '-qq') && apt('install', '-y', '-qq', name));
}

for (const [program, question, name, skipped] of components) {
  if (works(program, question)) continue;
  if (all && install(name) && works(program, question)) continue;
  process.stdout.write(`${all ? 'missing' : 'skipped'}: ${skipped}, ${program} is not here\n`);
  if (all) process.exitCode = 1;
}
