// Everything CI runs, in order; the last line counts the tests of Rust, TypeScript and the benches.
import { spawn, spawnSync } from 'node:child_process';

/** [what, command, how to read passed and failed from its output]; those of one list run beside each other. */
const steps = [
  [['components', 'node scripts/components.js']],
  [['build', 'npm run build']],
  [
    ['lint', 'npm run lint'],
    ['types', 'npm run typecheck'],
  ],
  [['rust tests', 'cargo test --workspace', countCargo]],
  [['tests', 'npx vitest run', countVitest]],
  [
    ['benches as tests', 'node bench/run.js --quick', countPlain],
    ['memory as tests', 'node bench/memory.js --quick', countPlain],
  ],
];

function sum(text, pattern) {
  return [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
}

function countCargo(text) {
  return { passed: sum(text, /test result: \w+\. (\d+) passed/g), failed: sum(text, /(\d+) failed; \d+ ignored/g) };
}

function countVitest(text) {
  const line = /^\s*Tests\s.*$/m.exec(text)?.[0] ?? '';
  return { passed: sum(line, /(\d+) passed/g), failed: sum(line, /(\d+) failed/g) };
}

function countPlain(text) {
  const line = /^(\d+) passed, (\d+) failed$/m.exec(text);
  return { passed: Number(line?.[1] ?? 0), failed: Number(line?.[2] ?? 0) };
}

/** Runs a command; what it prints is told as it comes, or at the end where others run beside it. */
function run(command, isAlone) {
  return new Promise((resolve) => {
    const child = spawn(command, {
      shell: true,
      stdio: ['ignore', 'pipe', isAlone ? 'inherit' : 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    let text = '';
    const told = (data) => {
      text += data;
      if (isAlone) process.stdout.write(data);
    };
    child.stdout.on('data', told);
    child.stderr?.on('data', told);
    child.on('close', (code) => resolve({ code, text }));
  });
}

/** How the tracked files differ from the commit; a step that changes one left the tree in a state nobody committed. */
function changes() {
  const { status, stdout } = spawnSync('git', ['diff', 'HEAD'], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  return status === 0 ? stdout : undefined;
}

const total = { passed: 0, failed: 0 };
let failed = false;

/** Runs a step, and counts what passed and failed. */
async function take([what, command, count], isAlone) {
  const head = `\n== ${what}: ${command}\n`;
  if (isAlone) process.stdout.write(head);
  const started = performance.now();
  const { code, text } = await run(command, isAlone);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  if (!isAlone) process.stdout.write(head + text);
  process.stdout.write(`== ${what}: ${code === 0 ? 'ok' : `failed (${code})`}, ${seconds} s\n`);
  const counted = count?.(text) ?? { passed: 0, failed: 0 };
  total.passed += counted.passed;
  total.failed += counted.failed;
  if (code === 0) return;
  failed = true;
  // A step that broke before its runner could count has failed once.
  if (counted.failed === 0) total.failed += 1;
}

const before = changes();
if (before === undefined) process.stdout.write('skipped: the check that no step changes a tracked file, no git here\n');
for (const group of steps) {
  await Promise.all(group.map((step) => take(step, group.length === 1)));
  if (failed) break;
}
if (before !== undefined && changes() !== before) {
  failed = true;
  total.failed += 1;
  process.stdout.write(
    '== a step changed a tracked file (git diff shows it): commit what it made, or let it write elsewhere\n',
  );
}
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = failed ? 1 : 0;
