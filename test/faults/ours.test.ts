/** What lies at an output's path is the job's by what is in it: neither its inode, nor its name in a directory, says so. */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, gaussian, parquet, type Running, run, score, scratch, sha256, sql, start } from '../cli/harness.ts';

const root = scratch();
let directory = '';
const at = (...names: string[]) => join(directory, ...names);
const QUIET = ['--json', '--progress', 'none'];
const FILE = ['score', 'in.parquet', '-d', 'zscore', '-o', 'o.parquet'];
const PARTS = ['score', 'in.parquet', '-d', 'zscore', '--chunk-rows', '2048', '-o', 'd/'];

beforeAll(async () => {
  await parquet(join(root, 'in.parquet'), gaussian(7000));
  await parquet(join(root, 'in2.parquet'), gaussian(2500));
});

beforeEach(() => {
  directory = join(root, `case-${readdirSync(root).length}`);
  mkdirSync(directory);
  for (const name of ['in.parquet', 'in2.parquet']) copyFileSync(join(root, name), at(name));
});

async function done(args: string[]): Promise<void> {
  const { code, stdout } = await run(directory, ...args, ...QUIET);
  expect(code, stdout).toBe(0);
}

/** Runs `args`, expects that `path` is found taken, and that what lies there stays. */
async function taken(args: string[], path: string): Promise<string> {
  const before = sha256(path);
  const ended = await run(directory, ...args, ...QUIET);
  expect([ended.code, errorOf(ended).code], ended.stdout).toEqual([78, 'OUTPUT_EXISTS']);
  expect(sha256(path)).toBe(before);
  return errorOf(ended).hint ?? '';
}

/** A run that has said something. */
async function begun(args: string[]): Promise<Running> {
  const running = start(directory, [...args, '--progress', 'json']);
  await new Promise((told) => running.child.stderr?.once('data', told));
  return running;
}

/** Begins a run and kills it. */
async function killed(args: string[]): Promise<void> {
  const { child, ended } = await begun(args);
  child.kill('SIGKILL');
  await ended;
}

function flip(path: string, place: number): void {
  const bytes = readFileSync(path);
  bytes[place < 0 ? bytes.length + place : place]! ^= 1;
  writeFileSync(path, bytes);
}

/** The file with a column more, by a program that keeps the metadata, as pyarrow does. */
async function enrich(path: string): Promise<void> {
  const rows = await sql(`SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata('${path}')`);
  const pairs = rows.map(({ key, value }) => `'${key}': '${value}'`).join(', ');
  const copy = at('enriched');
  await sql(`COPY (SELECT *, true AS label FROM '${path}') TO '${copy}' (FORMAT parquet, KV_METADATA {${pairs}})`);
  writeFileSync(path, readFileSync(copy));
}

describe('what came to lie at the path of a finished job stays', () => {
  it.each<[string, (path: string) => void | Promise<void>]>([
    ['written in place', (path) => writeFileSync(path, 'thesis')],
    [
      'made where it was removed',
      (path) => {
        rmSync(path);
        writeFileSync(path, 'thesis');
      },
    ],
    ['a source copied over it', (path) => copyFileSync(at('in2.parquet'), path)],
    ['a text longer than it', (path) => writeFileSync(path, 'thesis'.repeat(200_000))],
    ['the output with a column more', enrich],
  ])('%s', async (_, change) => {
    await done(FILE);
    await change(at('o.parquet'));
    expect(await taken(FILE, at('o.parquet'))).not.toContain('--force');
    expect(await taken([...FILE, '--fresh'], at('o.parquet'))).not.toContain('--force');
    const verified = await run(directory, 'verify', 'o.parquet', '--json');
    expect([verified.code, errorOf(verified).hint]).toEqual([65, expect.stringContaining('move it away')]);
    await done([...FILE, '--force']);
    expect((await run(directory, 'verify', 'o.parquet')).code).toBe(0);
  });

  it("another job's output", async () => {
    await done(FILE);
    await done(['score', 'in.parquet', '-d', 'mad', '-o', 'm.parquet']);
    copyFileSync(at('m.parquet'), at('o.parquet'));
    expect(await taken(FILE, at('o.parquet'))).toContain('--force');
  });

  it('another model, or notes', async () => {
    const fit = ['fit', 'in.parquet', '-d', 'zscore', '-m', 'm.bcm'];
    await done(fit);
    await done(['fit', 'in2.parquet', '-d', 'zscore', '-m', 'm2.bcm']);
    copyFileSync(at('m2.bcm'), at('m.bcm'));
    expect(await taken(fit, at('m.bcm'))).toContain('--force');
    writeFileSync(at('m.bcm'), 'notes');
    await taken(fit, at('m.bcm'));
  });

  it('also when the output was moved to where a model goes', async () => {
    await done(FILE);
    renameSync(at('o.parquet'), at('precious.parquet'));
    await taken([...FILE, '--save-model', 'precious.parquet'], at('precious.parquet'));
  });
});

describe('what this job wrote is made again when it was damaged', () => {
  it.each<[string, (path: string) => void]>([
    ['a page', (path) => flip(path, statSync(path).size >> 1)],
    ['the footer', (path) => flip(path, -4)],
    ['the beginning', (path) => flip(path, 0)],
    ['cut short', (path) => truncateSync(path, 5000)],
    ['emptied', (path) => truncateSync(path, 0)],
    ['removed', (path) => rmSync(path)],
  ])('%s', async (_, damage) => {
    await done(FILE);
    const whole = sha256(at('o.parquet'));
    damage(at('o.parquet'));
    await done(FILE);
    expect(sha256(at('o.parquet'))).toBe(whole);

    await done(PARTS);
    const part = at('d', 'part-0000001.parquet');
    const before = sha256(part);
    damage(part);
    expect((await run(directory, 'verify', 'd')).code).toBe(65);
    await done(PARTS);
    expect(sha256(part)).toBe(before);
    expect((await run(directory, 'verify', 'd')).code).toBe(0);
  });

  it('a model', async () => {
    const fit = ['fit', 'in.parquet', '-d', 'zscore', '-m', 'm.bcm'];
    await done(fit);
    const whole = sha256(at('m.bcm'));
    for (const damage of [() => flip(at('m.bcm'), 100), () => truncateSync(at('m.bcm'), 90)]) {
      damage();
      await done(fit);
      expect(sha256(at('m.bcm'))).toBe(whole);
    }
  });
});

describe('an output among its own sources', () => {
  const all = ['score', 'g', '-d', 'zscore', '-o', 'g/o.parquet'];
  beforeEach(() => {
    mkdirSync(at('g'));
    copyFileSync(at('in.parquet'), at('g', 'in.parquet'));
  });

  it('is none of them, also when it was damaged', async () => {
    await done(all);
    const whole = sha256(at('g', 'o.parquet'));
    expect((await score(directory, ...all.slice(1))).recalled).toBe(true);
    truncateSync(at('g', 'o.parquet'), 1000);
    await done(all);
    expect(sha256(at('g', 'o.parquet'))).toBe(whole);
  });

  it('is one where another command made it: an input is never written', async () => {
    rmSync(at('g', 'in.parquet'));
    for (const name of ['o', 'p']) await done(['score', 'in.parquet', '-d', 'zscore', '-o', `g/${name}.parquet`]);
    for (const flags of [[], ['--force'], ['--force', '--home', 'other']])
      await taken([...all, ...flags], at('g', 'o.parquet'));
  });
});

describe('once is what --force is for', () => {
  it("another job's directory that comes to lie there when the job is done stays", async () => {
    const other = ['score', 'in2.parquet', '-d', 'zscore', '-o', 'd/'];
    await done(PARTS);
    await done([...other, '--force']);
    await done([...PARTS, '--force']);
    expect(await taken(other, at('d', 'manifest.json'))).toContain('--force');
  });

  it("so does a stranger's file that it replaced before", async () => {
    for (const [args, path] of [
      [FILE, 'o.parquet'],
      [['fit', 'in.parquet', '-d', 'zscore', '-m', 'm.bcm'], 'm.bcm'],
    ] as const) {
      writeFileSync(at(path), 'thesis');
      linkSync(at(path), at('kept'));
      await done([...args, '--force']);
      renameSync(at('kept'), at(path));
      await taken([...args], at(path));
    }
  });

  it('and nothing lies in a directory without a manifest but our parts', async () => {
    await done(PARTS);
    mkdirSync(at('e'));
    copyFileSync(at('d', 'part-0000000.parquet'), at('e', 'part-0000000.parquet'));
    copyFileSync(at('in2.parquet'), at('e', 'part-0000007.parquet'));
    const args = ['score', 'in.parquet', '-d', 'mad', '-o', 'e'];
    for (const flags of [[], ['--force']])
      expect(await taken([...args, ...flags], at('e', 'part-0000007.parquet'))).not.toContain('--force');
  });
});

it('an unfinished job that --fresh was given instead of does not come back', async () => {
  const mad = ['score', 'in.parquet', '-d', 'mad', '-o', 'o.parquet'];
  await killed(FILE);
  const refused = await run(directory, ...mad, ...QUIET);
  expect([refused.code, errorOf(refused).code]).toEqual([78, 'JOB_MISMATCH']);
  await killed([...mad, '--fresh']);
  const report = await score(directory, ...mad.slice(1));
  expect(report.detector).toBe('mad');
  expect((await score(directory, ...mad.slice(1))).recalled).toBe(true);
});

it('what --force was given for is not what comes to lie there later', async () => {
  writeFileSync(at('o.parquet'), 'old');
  await killed([...FILE, '--force']);
  writeFileSync(at('o.parquet'), 'thesis');
  await taken(FILE, at('o.parquet'));
});

it('a file that is written while the job runs stays', async () => {
  await done(FILE);
  const { ended } = await begun([...FILE, '--fresh', '--json']);
  writeFileSync(at('o.parquet'), 'thesis');
  const { code, stdout } = await ended;
  expect([code, JSON.parse(stdout).error.code]).toEqual([78, 'OUTPUT_EXISTS']);
  expect(readFileSync(at('o.parquet'), 'utf8')).toBe('thesis');
});

describe('in a directory', () => {
  it.each(['part-0000000.parquet', 'manifest.json', '_SUCCESS'])(
    "a user's %s stays, with --force it goes where a manifest lists it",
    async (name) => {
      await done(PARTS);
      const whole = sha256(at('d', name));
      copyFileSync(at('in2.parquet'), at('d', name));
      for (const args of [PARTS, [...PARTS, '--fresh']])
        expect(await taken(args, at('d', name))).not.toContain('--force');
      if (name === 'manifest.json') {
        await taken([...PARTS, '--force'], at('d', name));
        rmSync(at('d', name));
      }
      await done([...PARTS, '--force']);
      expect(sha256(at('d', name))).toBe(whole);
      expect((await run(directory, 'verify', 'd')).code).toBe(0);
    },
  );

  it.each<[string, () => void]>([
    ['gone', () => rmSync(at('d', 'manifest.json'))],
    ['cut short', () => truncateSync(at('d', 'manifest.json'), 300)],
    ['emptied', () => truncateSync(at('d', 'manifest.json'), 0)],
    [
      'edited',
      () =>
        writeFileSync(at('d', 'manifest.json'), readFileSync(at('d', 'manifest.json'), 'utf8').replace('7000', '9000')),
    ],
    ['not said to be whole', () => rmSync(at('d', '_SUCCESS'))],
  ])('a manifest that is %s is noticed and made again', async (_, damage) => {
    await done(PARTS);
    const whole = sha256(at('d', 'manifest.json'));
    damage();
    const verified = await run(directory, 'verify', 'd', '--json');
    expect([verified.code, errorOf(verified).code]).toEqual([65, 'OUTPUT_DAMAGED']);
    await done(PARTS);
    expect(sha256(at('d', 'manifest.json'))).toBe(whole);
    expect((await run(directory, 'verify', 'd')).code).toBe(0);
  });

  it('of a killed publication, known by its parts alone', async () => {
    await done(PARTS);
    for (const name of ['manifest.json', '_SUCCESS']) rmSync(at('d', name));
    writeFileSync(at('d', '.batch-core-publishing.json'), '{"schema":"batch-core.publ');
    rmSync(at('.batch-core'), { recursive: true });
    await done(PARTS);
    expect(readdirSync(at('d')).sort()).toEqual(['_SUCCESS', 'manifest.json', ...parts()]);
  });

  it('a model never lies among parts', async () => {
    for (const path of ['d/part-0000001.parquet', 'd/manifest.json', 'd/m.bcm'])
      for (const flags of [[], ['--force'], ['--fresh']]) {
        const ended = await run(directory, ...PARTS, '--save-model', path, ...flags, ...QUIET);
        expect([ended.code, errorOf(ended).code], path).toEqual([78, 'OUTPUT_EXISTS']);
      }
    expect(existsSync(at('d'))).toBe(false);
  });
});

const parts = () => readdirSync(at('d')).filter((name) => name.startsWith('part-'));

describe('verify believes no manifest more than the job', () => {
  const edit = (change: (manifest: { rows: number; parts: { name: string; rows: number }[] }) => void) => {
    const manifest = JSON.parse(readFileSync(at('d', 'manifest.json'), 'utf8'));
    change(manifest);
    writeFileSync(at('d', 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  };
  const [one, two] = ['part-0000000.parquet', 'part-0000001.parquet'];
  const swap = () => {
    renameSync(at('d', one), at('x'));
    renameSync(at('d', two), at('d', one));
    renameSync(at('x'), at('d', two));
  };

  it.each<[string, () => void]>([
    ['parts in another order', () => edit(({ parts }) => parts.reverse())],
    [
      'a part and its entry gone, its rows told of another',
      () => {
        rmSync(at('d', 'part-0000003.parquet'));
        edit(({ parts }) => {
          parts[0]!.rows += parts.pop()!.rows;
        });
      },
    ],
    [
      'two parts in each other’s place',
      () => {
        swap();
        edit(({ parts }) => {
          [parts[0], parts[1]] = [
            { ...parts[1]!, name: one },
            { ...parts[0]!, name: two },
          ];
        });
      },
    ],
    [
      'one part twice',
      () => {
        copyFileSync(at('d', two), at('d', one));
        edit(({ parts }) => {
          parts[0] = { ...parts[1]!, name: one };
        });
      },
    ],
    ['a part more than the manifest has', () => copyFileSync(at('d', one), at('d', 'part-0000009.parquet'))],
    ['a table beside the parts', () => copyFileSync(at('in.parquet'), at('d', 'zzz.parquet'))],
    ['words in _SUCCESS', () => appendFileSync(at('d', '_SUCCESS'), 'yes')],
    [
      'a directory for _SUCCESS',
      () => {
        rmSync(at('d', '_SUCCESS'));
        mkdirSync(at('d', '_SUCCESS'));
      },
    ],
  ])('%s', async (_, change) => {
    await done(PARTS);
    expect((await run(directory, 'verify', 'd')).code).toBe(0);
    change();
    for (const home of ['.batch-core', 'nowhere']) {
      const ended = await run(directory, 'verify', 'd', '--home', home, '--json');
      expect([ended.code, errorOf(ended).code], `${home}: ${ended.stdout}`).toEqual([65, 'OUTPUT_DAMAGED']);
    }
  });

  it('nor one that lists no part', async () => {
    await done(PARTS);
    const text = JSON.stringify({ ...JSON.parse(readFileSync(at('d', 'manifest.json'), 'utf8')), parts: [null] });
    writeFileSync(at('d', 'manifest.json'), text);
    for (const home of ['.batch-core', 'nowhere']) {
      const ended = await run(directory, 'verify', 'd', '--home', home, '--json');
      expect([ended.code, errorOf(ended).code], home).toEqual([65, 'OUTPUT_DAMAGED']);
    }
  });

  it('nor takes a lost record for an output of nobody', async () => {
    await done(FILE);
    const [job = ''] = readdirSync(at('.batch-core/jobs'));
    flip(at('o.parquet'), statSync(at('o.parquet')).size >> 1);
    for (const name of ['report.json', 'status.json']) {
      rmSync(at('.batch-core/jobs', job, name));
      for (const target of ['o.parquet', job]) {
        const ended = await run(directory, 'verify', target, '--json');
        expect([ended.code, ended.stdout], `${target} without ${name}`).toEqual([
          65,
          expect.stringContaining('OUTPUT_DAMAGED'),
        ]);
      }
    }
  });

  it('tells what it could not compare, line by line', async () => {
    await done(FILE);
    const { code, stdout } = await run(directory, 'verify', 'o.parquet', '--home', 'nowhere');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/shows no damage.*\n {2}not checked: /)]);
  });

  it('says of a job that has not finished what it is', async () => {
    await killed(FILE);
    const [job = ''] = readdirSync(at('.batch-core/jobs'));
    const verified = await run(directory, 'verify', job, '--json');
    expect([verified.code, errorOf(verified).message]).toEqual([
      78,
      expect.stringContaining('it has published nothing yet'),
    ]);
  });
});

it('two homes that force one directory at once never leave a mixture', async () => {
  await done(['score', 'in.parquet', '-d', 'hbos', '--chunk-rows', '2048', '-o', 'd/']);
  for (let round = 0; round < 3; round += 1) {
    const one = (detector: string) =>
      run(
        directory,
        ...PARTS.map((word) => (word === 'zscore' ? detector : word)),
        '--home',
        `home-${detector}`,
        '--force',
        '--fresh',
      );
    const ended = await Promise.all([one('zscore'), one('mad')]);
    const codes = ended.map(({ code }) => code);
    expect(codes, JSON.stringify(ended)).toContain(0);
    const last = codes.map((code, i) => (code === 0 ? ['home-zscore', 'home-mad'][i]! : '')).filter(Boolean);
    const verified = await Promise.all(last.map((home) => run(directory, 'verify', 'd', '--home', home)));
    expect(verified.map(({ code }) => code)).toContain(0);
  }
  expect((await score(directory, ...PARTS.slice(1), '--force')).status).toBe('completed');
});
