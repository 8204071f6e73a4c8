// Whole commands beside what one would otherwise use, and where their time goes.
// Usage: node bench/run.js [--quick] [--rows 20000000] [--rounds 5] [--data data]
// --quick runs every case once on few rows as a test: answers are checked, times are not looked at. Otherwise what was measured
// is kept in bench/record/<processor>/<date>.json, to be committed.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkRows, checkSums, checkZ } from './answers.js';
import { fitZ, inTurn, MAIN, median, node, rival, score, scoring, secondsUntil, sha256 } from './command.js';
import { COLUMNS, generate } from './generate.js';
import { record } from './record.js';
import { isMeasuredHere, markedRun, partsOf, roadAlone, tableOf } from './road.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string' },
    rounds: { type: 'string' },
    data: { type: 'string', default: 'data' },
  },
});
const quick = values.quick;
const rows = Number(values.rows ?? (quick ? 200_000 : 20_000_000));
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

// Detectors that are to score about as fast as DuckDB reads.
const LIGHT = ['zscore', 'mad', 'iqr', 'hbos', 'ecod', 'copod', 'pca', 'mahalanobis', 'loda', 'hst'];

let [passed, failed] = [0, 0];
const cases = [];

/** One line of the table; a case whose answer is wrong fails, however fast it was. */
async function bench(what, reach, run) {
  try {
    const { figure: measured, ...more } = await run();
    passed += 1;
    cases.push({ what, reach, measured, ...more });
    process.stdout.write(`ok    ${what}: ${measured} (reach ${reach}) ${more.detail}\n`);
    if (more.parts) process.stdout.write(tableOf(more.parts));
  } catch (error) {
    failed += 1;
    process.stdout.write(`FAIL  ${what}: ${error.stack}\n`);
  }
}

const rate = (seconds) => `${(rows / seconds / 1e6).toFixed(2)} M rows/s`;
const wall = async (promise) => (await promise).wallSeconds;

await generate(rows, file);
await generate(rows / 10, tenth);
await fitZ(file, at('z.bcm'), at('home'), ...features);

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
    sql: () => wall(rival('z-given', file, { out: at('sql.parquet') })),
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

await bench('the road of score with a saved z-score model', 'none set', async () => {
  if (!isMeasuredHere)
    return { figure: 'not measured here', detail: 'Linux alone tells what threads take', parts: null };
  const asked = ['-m', at('z.bcm'), '--explain', '0'];
  const bare = () => wall(score(file, at('bare.parquet'), at('home'), ...asked));
  const marked = (out) => markedRun(file, out, at('home'), at('marks.json'), ...asked);
  await bare();
  await marked(at('marked.parquet'));
  if (sha256(at('bare.parquet')) !== sha256(at('marked.parquet'))) throw new Error('the probe changed the bytes');
  const times = await inTurn(rounds, {
    bare,
    file: () => marked(at('marked.parquet')),
    directory: () => marked(at('marked/')),
  });
  // To build the road alone takes longer than a test may.
  const parts = partsOf(times.file, times.directory, quick ? null : roadAlone(file, rows, scratch));
  const { cpuSeconds, wallSeconds, waitSeconds } = parts.find(({ part }) => part === 'whole');
  return {
    figure: `${cpuSeconds.toFixed(2)} CPU-seconds in ${wallSeconds.toFixed(2)} s, in which cores waited ${waitSeconds.toFixed(2)} s`,
    detail: `${median(times.bare).toFixed(2)} s without the probe; same bytes`,
    parts,
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
      sql: () => wall(rival('z-fitted', file, { out: at('sql.parquet') })),
    });
    const [o, s] = [times.ours, times.sql].map(median);
    return { figure: `${(s / o).toFixed(2)}x`, detail: `ours ${rate(o)}, SQL ${rate(s)}` };
  });

for (const [what, reach, ...flags] of [
  ['auto', 'phase >= 1.2 M rows/s, whole <= 1.15', '-d', 'auto'],
  ['auto, speed=fast', 'phase >= 3.5 M rows/s', '-d', 'auto', '--set', 'speed=fast'],
  ['iforest', 'phase >= 4.0 M rows/s on two cores', '-d', 'iforest'],
  ['eif', 'none set', '-d', 'eif'],
  ['knn', 'none set', '-d', 'knn'],
  ['inne', 'none set', '-d', 'inne'],
  ['mcd', '>= 0.5x of the sum', '-d', 'mcd'],
  ...LIGHT.map((name) => [name, '>= 0.5x of the sum', '-d', name]),
])
  await bench(`score phase of ${what}, with output and reasons`, reach, async () => {
    const out = at('phase.parquet');
    const ours = () => score(file, out, at('home'), ...flags, ...features);
    await ours();
    await checkRows(out, rows);
    const times = await inTurn(rounds, { ours, sum: () => rival('sum', file) });
    const phase = median(times.ours.map(({ report }) => report.timing.scoreSeconds));
    const whole = median(times.ours.map(({ report }) => report.timing.totalSeconds / report.timing.scoreSeconds));
    const sum = median(times.sum.map(({ seconds }) => seconds));
    return {
      figure: `${rate(phase)}, ${(sum / phase).toFixed(2)}x of the bare parallel sum`,
      detail: `the whole command takes ${whole.toFixed(2)} times as long`,
    };
  });

await bench('1 -> 2 workers', '>= 1.85x', async () => {
  const run = (workers) =>
    score(file, at(`w${workers}.parquet`), at('home'), '-d', 'zscore', '-w', String(workers), ...plain);
  const sum = (threads) => rival('sum', file, { threads });
  await run(1);
  await run(2);
  if (sha256(at('w1.parquet')) !== sha256(at('w2.parquet'))) throw new Error('1 and 2 workers wrote different bytes');
  checkSums((await sum(1)).answer, (await sum(2)).answer);
  const work = async (workers) => {
    const { timing, resources } = (await run(workers)).report;
    return { seconds: timing.fitSeconds + timing.scoreSeconds, cpuSeconds: resources.cpuSeconds };
  };
  const times = await inTurn(rounds, {
    one: () => work(1),
    two: () => work(2),
    sumOne: () => sum(1),
    sumTwo: () => sum(2),
  });
  const seconds = (name) => median(times[name].map((time) => time.seconds));
  const [one, two, sumOne, sumTwo] = ['one', 'two', 'sumOne', 'sumTwo'].map(seconds);
  const [cpuOne, cpuTwo] = [times.one, times.two].map((all) => median(all.map((time) => time.cpuSeconds)));
  return {
    figure: `${(one / two).toFixed(2)}x`,
    detail:
      `fit and score phases: ${one.toFixed(2)} s, ${two.toFixed(2)} s; CPU-seconds of the run ${cpuOne.toFixed(2)}, ${cpuTwo.toFixed(2)}; same bytes; ` +
      `DuckDB's parallel sum, bare query, 1 -> 2 threads: ${(sumOne / sumTwo).toFixed(2)}x (${sumOne.toFixed(2)} s, ${sumTwo.toFixed(2)} s)`,
    rival: {
      what: "DuckDB's parallel sum, bare query",
      ratio: sumOne / sumTwo,
      secondsOne: sumOne,
      secondsTwo: sumTwo,
    },
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
  // The fit phase is told in the same turn in which its first chunk is claimed.
  const claimed = (out, home) =>
    secondsUntil('"phase":"fit"', [...scoring(file, out, home, '-d', 'zscore'), '--progress', 'json']);
  const again = () => claimed(at('c.parquet'), at('home-c'));
  await again();
  const times = await inTurn(quick ? 1 : Math.max(3, rounds), {
    help: () => wall(node([MAIN, '--help'])),
    node: () => wall(node(['-e', '0'])),
    again,
    first: () => {
      for (const left of [at('first.parquet'), at('home-first')]) rmSync(left, { recursive: true, force: true });
      return claimed(at('first.parquet'), at('home-first'));
    },
  });
  const [help, bare, later, first] = [times.help, times.node, times.again, times.first].map(median);
  return {
    figure: `${(1000 * help).toFixed(0)} ms / ${later.toFixed(2)} s`,
    detail: `over a finished job; ${first.toFixed(2)} s the first run in an empty home; node itself ${(1000 * bare).toFixed(0)} ms`,
    firstRunSeconds: first,
  };
});

rmSync(scratch, { recursive: true, force: true });
if (!quick) {
  process.stdout.write(
    `\n${rows} rows x ${COLUMNS.length} doubles, medians of ${rounds} rounds\n\n| what | reach | measured | |\n|---|---|---|---|\n`,
  );
  for (const { what, reach, measured, detail } of cases)
    process.stdout.write(`| ${[what, reach, measured, detail].join(' | ')} |\n`);
  process.stdout.write(`\nkept in ${record({ rows, columns: COLUMNS.length, rounds }, cases)}\n`);
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
