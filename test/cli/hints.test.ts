/** What a hint says to run is pasted into a shell as it stands, and does what the hint says. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { escapeText } from '../../src/cli/streams.ts';
import { shellWord } from '../../src/files/paths.ts';
import { errorOf, gaussian, parquet, run, scratch, shell, start } from './harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(3000));
});

/** Pastes `command`, in which `batch-core` is the built one. */
const paste = (command: string, cwd = directory) =>
  shell(cwd, `main=("$@"); batch-core() { "\${main[@]}" "$@"; }; ${command}`);

/** The command between double quotes, or after a colon, in `text`. */
function commandIn(text: string | undefined, pattern = /"(batch-core .*)"/): string {
  const command = pattern.exec(text ?? '')?.[1];
  if (command === undefined) throw new Error(`no command in: ${text}`);
  return command;
}

it('a word is quoted where a shell would read it otherwise', () => {
  for (const word of ['plain-1.0_x/y.parquet', 'a@b:c,d=e+f%g']) expect(shellWord(word)).toBe(word);
  expect(shellWord("it's a $x")).toBe(`'it'\\''s a $x'`);
  for (const word of ['', '~', '#a', 'a b', 'ä', '*', '!', '"', '\\']) expect(shellWord(word)).toBe(`'${word}'`);
});

it.skipIf(process.platform === 'win32')('a word that printing would escape is written so that it can be pasted', () => {
  for (const word of ['a\nb', "\u001b[31m'x'\\", '\u202egnp.\u200b', 'é\t']) {
    const written = shellWord(word);
    expect(escapeText(written)).toBe(written);
    expect(execFileSync('bash', ['-c', `printf %s ${written}`], { encoding: 'utf8' })).toBe(word);
  }
});

it.skipIf(process.platform === 'win32')('a file that was taken for a command is scored as the hint says', async () => {
  cpSync(at('data.parquet'), at("it's a $x.parquet"));
  const { stderr } = await run(directory, "it's a $x.parquet");
  expect((await paste(commandIn(stderr, /hint: to score it: (batch-core .*)$/m))).code).toBe(0);
  expect(existsSync(at("it's a $x.scores.parquet"))).toBe(true);
});

it.skipIf(process.platform === 'win32')('a model that was fitted is used as the command says', async () => {
  mkdirSync(at("o'clock"));
  const { stdout } = await run(directory, 'fit', 'data.parquet', '-m', "o'clock/my model.bcm");
  const command = commandIn(stdout, /use it +(batch-core .*)$/m).replace('<source>', 'data.parquet -o used.parquet');
  expect((await paste(command)).code).toBe(0);
});

it.skipIf(process.platform === 'win32')(
  'a job of another home is followed, resumed and asked about by what hints say',
  async () => {
    await parquet(at('long.parquet'), gaussian(1_600_000), 8192);
    const place = at("it's here");
    const elsewhere = at('elsewhere');
    for (const path of [place, elsewhere]) mkdirSync(path);
    const args = ['score', at('long.parquet'), '-d', 'zscore', '--chunk-rows', '8K', '-o', join(place, 'out.parquet')];
    const running = start(elsewhere, [...args, '-w', '1', '--progress', 'plain']);
    let said = '';
    running.child.stderr?.on('data', (text) => {
      said += text;
    });
    const jobs = join(place, '.batch-core/jobs');
    const home = ['--home', join(place, '.batch-core')];
    while (!existsSync(jobs) || readdirSync(jobs).length === 0) await pause(5);
    const [jobId = ''] = readdirSync(jobs);
    while ((await run(elsewhere, 'pause', jobId, ...home)).code !== 0) await pause(5);
    while (!said.includes('paused')) await pause(5);

    const busy = errorOf(await run(elsewhere, ...args, '--json'));
    expect(busy.code).toBe('JOB_BUSY');
    const goOn = commandIn(busy.hint);
    expect(goOn, 'it is paused').toMatch(/resume .* --home '/);
    const rival = errorOf(await run(elsewhere, ...args, '--seed', '1', '--json'));
    expect(commandIn(rival.hint)).toBe(goOn);
    expect(await paste(commandIn(said), elsewhere)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('is resumed'),
    });

    await run(elsewhere, 'cancel', jobId, ...home);
    const { stderr } = await running.ended;
    const resume = commandIn(stderr);
    const told = await run(place, 'status', jobId);
    expect(commandIn(told.stdout), 'from where its home is').toBe(`batch-core resume ${jobId}`);
    const begunOtherwise = errorOf(await run(elsewhere, ...args, '--seed', '1', '--json'));
    expect(begunOtherwise.code).toBe('JOB_MISMATCH');
    expect(commandIn(begunOtherwise.hint)).toBe(resume);
    const nothing = errorOf(await run(elsewhere, 'pause', jobId, ...home, '--json'));
    expect((await paste(commandIn(nothing.hint), elsewhere)).code).toBe(0);
    const unknown = errorOf(await run(elsewhere, 'status', 'nothing', ...home, '--json'));
    expect(await paste(commandIn(unknown.hint), elsewhere)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(jobId),
    });
    expect((await paste(resume, elsewhere)).code).toBe(0);
  },
  120_000,
);
