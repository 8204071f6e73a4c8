// The table of bench/README.md. Usage: node bench/run.js [--quick] [--rows 20000000] [--rounds 5] [--data data]
// --quick runs every case once on few rows as a test: answers are checked, times are not looked at. What else is measured is
// kept in bench/record/<processor>/<date>.json, to be committed.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkRows, checkZ } from './answers.js';
import { inTurn, MAIN, median, node, rival, score, secondsUntil, sha256 } from './command.js';
import { COLUMNS, generate } from './generate.js';
import { record } from './record.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string' },
    rounds: { type: 'string' },
    data: { type: 'string', default: 'data' },
  },
});
const quick = values.quick;
const rows = Number(values.rows ?? (quick ? 300_000 : 20_000_000));
const rounds = Number(values.rounds ?? (quick ? 1 : 5));
const scratch = mkdtempSync(join(tmpdir(), 'batch-core-bench-'));
const at = (name) => join(scratch, name);
const dataDirectory = quick ? scratch : values.data;
mkdirSync(dataDirectory, { recursive: true });
const file = join(dataDirectory, `gaussian-${rows}.parquet`);
const tenth = join(dataDirectory, `gaussian-${rows / 10}.parquet`);
const features = ['--columns', COLUMNS.join(',')];
// Output of row, score and flag, as the rival writes it.
const plain = [...features, '--explain', '0'];

let [passed, failed] = [0, 0];
const lines = [];

/** One line of the table; a case whose answer is wrong fails, however fast it was. */
async function bench(what, reach, run) {
  try {
    const { figure, detail } = await run();
    passed += 1;
    lines.push([what, reach, figure, detail]);
    process.stdout.write(`ok    ${what}: ${figure} (reach ${reach}) ${detail}\n`);
  } catch (error) {
    failed += 1;
    process.stdout.write(`FAIL  ${what}: ${error.stack}\n`);
  }
}

const rate = (seconds) => `${(rows / seconds / 1e6).toFixed(2)} M rows/s`;
const wall = async (promise) => (await promise).wallSeconds;

await generate(rows, file);
await generate(rows / 10, tenth);
await node([
  MAIN,
  'fit',
  file,
  '-d',
  'zscore',
  '-m',
  at('z.bcm'),
  ...features,
  '--home',
  at('home'),
  '--progress',
  'none',
  '-q',
]);

await bench('score, saved z-score model / parallel sum', '>= 0.60x whole command', async () => {
  const ours = () => score(file, at('z.parquet'), at('home'), '-m', at('z.bcm'), '--explain', '0');
  const first = await ours();
  await checkZ(file, at('z.parquet'), rows);
  const times = await inTurn(rounds, {
    ours: () => wall(ours()),
    sum: async () => {
      const { wallSeconds, seconds } = await rival('sum', file);
      return { wallSeconds, seconds };
    },
    sql: () => wall(rival('z-given', file, at('sql.parquet'))),
  });
  const [o, w, q, s] = [
    times.ours,
    times.sum.map((t) => t.wallSeconds),
    times.sum.map((t) => t.seconds),
    times.sql,
  ].map(median);
  return {
    figure: `${(w / o).toFixed(2)}x whole command, ${(q / o).toFixed(2)}x of the bare query`,
    detail: `ours ${rate(o)}; sum ${rate(w)} whole, ${rate(q)} bare; SQL with constants given ${(w / s).toFixed(2)}x; peak ${(first.report.resources.peakRssBytes / 2 ** 20).toFixed(0)} MiB`,
  };
});

for (const [detector, reach] of [
  ['zscore', '>= 2.0x'],
  ['hbos', '>= 1.3x'],
  ['mad', '>= 1.3x'],
  ['auto', 'none set'],
  ['mahalanobis', 'none set'],
])
  await bench(`fit and score ${detector} / SQL fit + z + COPY`, reach, async () => {
    const out = at(`${detector}.parquet`);
    const ours = () => score(file, out, at('home'), '-d', detector, ...plain);
    await ours();
    if (detector === 'zscore') await checkZ(file, out, rows);
    await checkRows(out, rows);
    const times = await inTurn(rounds, {
      ours: () => wall(ours()),
      sql: () => wall(rival('z-fitted', file, at('sql.parquet'))),
    });
    const [o, s] = [times.ours, times.sql].map(median);
    return { figure: `${(s / o).toFixed(2)}x`, detail: `ours ${rate(o)}, SQL ${rate(s)}` };
  });

await bench('1 -> 2 workers', '>= 1.85x', async () => {
  const run = (workers) =>
    score(file, at(`w${workers}.parquet`), at('home'), '-d', 'zscore', '-w', String(workers), ...plain);
  await run(1);
  await run(2);
  if (sha256(at('w1.parquet')) !== sha256(at('w2.parquet'))) throw new Error('1 and 2 workers wrote different bytes');
  const work = async (workers) => {
    const { timing } = (await run(workers)).report;
    return timing.fitSeconds + timing.scoreSeconds;
  };
  const times = await inTurn(rounds, { one: () => work(1), two: () => work(2) });
  const [one, two] = [times.one, times.two].map(median);
  return {
    figure: `${(one / two).toFixed(2)}x`,
    detail: `fit and score phases: ${one.toFixed(2)} s, ${two.toFixed(2)} s; same bytes`,
  };
});

await bench('from the last chunk to the published file', '<= 0.08 s', async () => {
  const times = { publish: [], rest: [] };
  for (let round = 0; round < rounds; round += 1) {
    const { report } = await score(file, at('p.parquet'), at('home'), '-m', at('z.bcm'), '--explain', '0');
    const { planSeconds, fitSeconds, scoreSeconds, publishSeconds, totalSeconds } = report.timing;
    times.publish.push(publishSeconds);
    times.rest.push(totalSeconds - planSeconds - fitSeconds - scoreSeconds - publishSeconds);
  }
  return {
    figure: `${median(times.publish).toFixed(3)} s`,
    detail: `from the last receipt on: last parts staged and digested, synced, named and recorded; ${median(times.rest).toFixed(3)} s more until workers are closed and parts removed`,
  };
});

await bench('peak RSS, 2 workers', '<= 220 MiB, within 5 % of a tenth of the rows', async () => {
  const peak = async (source) =>
    (await score(source, at('rss.parquet'), at('home'), '-w', '2', ...features)).report.resources.peakRssBytes /
    2 ** 20;
  const times = await inTurn(Math.min(3, rounds), { whole: () => peak(file), tenth: () => peak(tenth) });
  const [whole, small] = [times.whole, times.tenth].map(median);
  return {
    figure: `${whole.toFixed(0)} MiB`,
    detail: `a tenth of the rows ${small.toFixed(0)} MiB: ${(100 * (whole / small - 1)).toFixed(1)} % more; detector auto with reasons`,
  };
});

await bench('durability and checkpoints', '<= 2 %', async () => {
  const run = (durable) =>
    node([new URL('./durability.js', import.meta.url).pathname, file, at('d.parquet'), at('home-d'), durable]).then(
      ({ stdout }) => Number(stdout),
    );
  const times = await inTurn(rounds, { on: () => run('on'), off: () => run('off') });
  const [on, off] = [times.on, times.off].map(median);
  return {
    figure: `${(100 * (on / off - 1)).toFixed(1)} %`,
    detail: `fit, score and publish: ${on.toFixed(2)} s with, ${off.toFixed(2)} s without`,
  };
});

await bench('--help / start to first chunk claimed', '<= 120 ms / <= 0.22 s', async () => {
  const times = await inTurn(Math.max(3, rounds), {
    help: () => wall(node([MAIN, '--help'])),
    node: () => wall(node(['-e', '0'])),
    claimed: () =>
      // The fit phase is told in the same turn in which its first chunk is claimed.
      secondsUntil('"phase":"fit"', [
        MAIN,
        'score',
        file,
        '-o',
        at('c.parquet'),
        '--home',
        at('home-c'),
        '--fresh',
        '--force',
        '-d',
        'zscore',
        '--progress',
        'json',
        '-q',
      ]),
  });
  const [help, bare, claimed] = [times.help, times.node, times.claimed].map(median);
  return {
    figure: `${(1000 * help).toFixed(0)} ms / ${claimed.toFixed(2)} s`,
    detail: `node itself ${(1000 * bare).toFixed(0)} ms`,
  };
});

rmSync(scratch, { recursive: true, force: true });
if (!quick) {
  process.stdout.write(
    `\n${rows} rows x ${COLUMNS.length} doubles, medians of ${rounds} rounds\n\n| what | reach | measured | |\n|---|---|---|---|\n`,
  );
  for (const line of lines) process.stdout.write(`| ${line.join(' | ')} |\n`);
  process.stdout.write(`\nkept in ${record({ rows, columns: COLUMNS.length, rounds }, lines)}\n`);
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
