// One job of 1.5 billion rows: links to one file of 20 million, scored with a saved z-score model, and fitted and scored with
// `auto`. What grows with the rows beyond its measure shows here: memory, the job's directory, merging, publishing.
// Usage: node bench/large.js [--links 75] [--rows 20000000] [--top] [--data data]
// --top scores with `--top 10000000` too. Needs a quiet machine and the disk that it names; what it made is removed.
import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statfsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checkShare, checkTogether, checkTop, checkZ } from './answers.js';
import { fitZ, scoring } from './command.js';
import { COLUMNS, generate } from './generate.js';
import { record } from './record.js';
import { watched } from './watch.js';

const { values } = parseArgs({
  options: {
    links: { type: 'string', default: '75' },
    rows: { type: 'string', default: '20000000' },
    top: { type: 'boolean', default: false },
    data: { type: 'string', default: 'data' },
  },
});
const [links, rows] = [Number(values.links), Number(values.rows)];
if (!(Number.isInteger(links) && links >= 2 && links <= 1000)) throw new Error('--links is 2 to 1000');
const all = links * rows;
const TOP = Math.min(10_000_000, all);
const [MIB, GB] = [2 ** 20, 1e9];

mkdirSync(values.data, { recursive: true });
const file = resolve(values.data, `gaussian-${rows}.parquet`);
await generate(rows, file);
const scratch = mkdtempSync(resolve(values.data, 'large-'));
const at = (name) => join(scratch, name);
// Ctrl-C reaches the run too: when that has ended, what was made is removed.
let stopped = false;
process.on('SIGINT', () => {
  stopped = true;
});

const features = ['--columns', COLUMNS.join(',')];
const saved = ['-m', at('z.bcm')];
const cases = [
  { what: 'saved z-score model', flags: saved, check: ({ alone, out }) => checkTogether(alone, out, links) },
  { what: 'auto', flags: features, check: ({ out, report }) => checkShare(out, report, all, links) },
];
const top = {
  what: `saved z-score model, --top ${TOP}`,
  flags: [...saved, '--top', String(TOP)],
  check: ({ out }) => checkTop(out, TOP, all),
  hasNoReach: true,
};
if (values.top) cases.push(top);

const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;
const rate = (count, { wallSeconds, report }) =>
  `${wallSeconds.toFixed(1)} s, ${(count / wallSeconds / 1e6).toFixed(2)} M rows/s, ${report.resources.cpuSeconds.toFixed(1)} CPU-seconds`;

let runs = 0;
/** A run in a home of its own, which goes; its output stays at `out`. */
async function run(source, out, flags) {
  runs += 1;
  const home = at(`home-${runs}`);
  try {
    return await watched(scoring(source, out, home, ...flags), home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The run of one file, which the others are compared with. */
async function runAlone({ what, flags }, index) {
  const out = at(`alone-${index}.parquet`);
  const alone = await run(file, out, flags);
  const peak = mib(alone.report.resources.peakRssBytes);
  process.stdout.write(`      ${what}, ${rows} rows: ${rate(rows, alone)}, peak ${peak}\n`);
  return { ...alone, out };
}

/** What the output takes in parts and whole, side by side before the parts go, and the rest of the job's directory. */
function refuseFullDisk(runsAlone) {
  const bytes = runsAlone.map(({ report, directoryBytesMax }) => 2.1 * report.output.bytes + directoryBytesMax);
  const { bavail, bsize } = statfsSync(scratch);
  const [needed, free] = [links * Math.max(...bytes), bavail * bsize];
  process.stdout.write(`      ${(needed / GB).toFixed(1)} GB of disk needed, ${(free / GB).toFixed(1)} GB free\n`);
  if (needed > free) throw new Error(`not enough disk at ${scratch}: fewer --links need less`);
}

const judged = [];
let [passed, failed] = [0, 0];

/** The job of all links: its answer, and then a line for each figure beside what it is to be. */
async function runTogether({ what, flags, check, hasNoReach }, alone) {
  const out = at('together.parquet');
  try {
    const together = await run(at('links'), out, flags);
    await check({ alone: alone.out, out, report: together.report });
    passed += 1;
    process.stdout.write(`ok    ${what}, ${links} x ${rows} rows: ${rate(all, together)}; right answer\n`);
    judged.push({ what, reach: 'none set', measured: rate(all, together) });
    for (const [figure, reach, measured, isWithin] of figuresOf(together, alone))
      judge(`${what}: ${figure}`, ...(hasNoReach ? ['none set', measured] : [reach, measured, isWithin]));
  } catch (error) {
    failed += 1;
    process.stdout.write(`FAIL  ${what}: ${error.stack}\n`);
  } finally {
    rmSync(out, { force: true });
  }
}

/** [what, what it is to be, what it is, whether that is within; undefined where it cannot be told] */
function figuresOf({ report, directoryBytesMax, statusAgeMaxSeconds: age, merging }, alone) {
  const [peak, peakAlone] = [report, alone.report].map(({ resources }) => resources.peakRssBytes);
  const { fitSeconds, publishSeconds } = report.timing;
  const [least, most] = [merging.secondsMin, merging.secondsMax].map((seconds) => (100 * seconds) / fitSeconds);
  const merged = `${least.toFixed(1)} to ${most.toFixed(1)} % of ${fitSeconds.toFixed(1)} s`;
  const isMerged = most <= 2 ? true : least > 2 ? false : undefined;
  return [
    ['peak RSS', '<= 1.10x of one file', `${mib(peak)}, one file ${mib(peakAlone)}`, peak <= 1.1 * peakAlone],
    ["the job's directory without parts", '<= 50 MiB', mib(directoryBytesMax), directoryBytesMax <= 50 * MIB],
    ...(merging.hasPasses ? [['the fit waits for merging', '<= 2 %', merged, isMerged]] : []),
    ['last chunk to published file', '<= 3 s', `${publishSeconds.toFixed(2)} s`, publishSeconds <= 3],
    [
      'age of status.json while it publishes',
      '<= 1 s',
      age === null ? 'too short to see' : `${age.toFixed(2)} s at most`,
      age === null ? undefined : age <= 1,
    ],
  ];
}

function judge(what, reach, measured, isWithin) {
  if (isWithin === true) passed += 1;
  if (isWithin === false) failed += 1;
  judged.push({ what, reach, measured });
  const word = isWithin === undefined ? '     ' : isWithin ? 'ok   ' : 'OVER ';
  process.stdout.write(`${word} ${what}: ${measured} (reach ${reach})\n`);
}

try {
  await fitZ(file, at('z.bcm'), at('home'), ...features);
  mkdirSync(at('links'));
  // By their names several files, on the disk one.
  for (let i = 0; i < links; i += 1)
    linkSync(realpathSync(file), at(`links/part-${String(i).padStart(3, '0')}.parquet`));
  const runsAlone = [];
  for (const [index, one] of cases.entries()) runsAlone.push(await runAlone(one, index));
  await checkZ(file, runsAlone[0].out, rows);
  refuseFullDisk(runsAlone);
  for (const [index, one] of cases.entries()) if (!stopped) await runTogether(one, runsAlone[index]);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (all >= 1e9 && !stopped)
  process.stdout.write(`kept in ${record({ rows, links, columns: COLUMNS.length }, judged, 'large')}\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || stopped ? 1 : 0;
