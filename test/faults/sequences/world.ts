/** Two sources, two outputs, one home and somebody else's files, in a directory that a seed leads through what people do. */
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CODES, type ErrorCode, isErrorCode } from '../../../src/errorCodes.ts';
import { type Ended, sha256, start, tree } from '../../cli/harness.ts';

/** Whatever one seed gives is given again. */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  /** 0 to `below` - 1. */
  roll(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }
  of<T>(values: readonly T[]): T {
    return values[this.roll(values.length)] as T;
  }
}

export const SOURCES = ['a.parquet', 'b.parquet'] as const;
export const OUTPUTS = ['x.parquet', 'y/'] as const;
export const DETECTORS = ['zscore', 'hbos'] as const;
const HOME = ['--home', 'home'];

/** The bytes that version `version` of a source gives, by detector and output. */
export type References = ReadonlyMap<string, string>;
export const referenceKey = (version: string, detector: string, output: string) => `${version} ${detector} ${output}`;

/** The digests of what a command published at `path`. */
export function digestOf(path: string): string {
  if (!lstatSync(path).isDirectory()) return sha256(path);
  const parts = readdirSync(path).filter((name) => /^part-\d{7}\.parquet$/.test(name));
  return parts
    .sort()
    .map((name) => `${name} ${sha256(join(path, name))}`)
    .join('\n');
}

export class World {
  readonly #directory: string;
  readonly #versions: string;
  readonly #dice: Dice;
  readonly #references: References;
  /** What lies in each source. */
  readonly #version = new Map<string, string>();
  /** Files that are nobody's but the user's, with what is in them. */
  readonly #strangers = new Map<string, string>();
  /** All that was done, for whoever reads a failure. */
  readonly log: string[] = [];

  constructor(directory: string, versions: string, references: References, dice: Dice) {
    this.#directory = directory;
    this.#versions = versions;
    this.#references = references;
    this.#dice = dice;
    mkdirSync(directory);
    for (const source of SOURCES) this.#replace(source, 'v0');
  }

  /** Does one thing, and looks at what became of it. */
  async step(): Promise<void> {
    const dice = this.#dice;
    const deeds: (() => void | Promise<void>)[] = [
      () => this.#score(),
      () => this.#score(),
      () => this.#score(),
      () => this.#interrupt(),
      () => this.#interrupt(),
      () => this.#interrupt(),
      () => this.#resume(),
      () => this.#look(),
      () => this.#replace(dice.of(SOURCES), dice.of(['v0', 'v1'])),
      () => this.#touch(dice.of(SOURCES)),
      () => this.#spoilJob(),
      () => this.#spoilOutput(),
      () => this.#stranger(),
    ];
    await dice.of(deeds)();
    for (const [path, content] of this.#strangers) {
      if (!existsSync(path) || readFileSync(path, 'utf8') !== content) throw this.#failure(`${path} was somebody's`);
    }
  }

  #at(...names: string[]): string {
    return join(this.#directory, ...names);
  }

  #failure(words: string): Error {
    return new Error(`${words}\n${this.log.slice(-30).join('\n')}`);
  }

  /** Runs a command to its end, which must be one that the documentation knows. */
  async #run(args: readonly string[], killAfterMs?: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended> {
    const { child, ended } = start(this.#directory, [...args, ...HOME, '--json']);
    if (killAfterMs !== undefined) {
      await Promise.race([ended, sleep(killAfterMs)]);
      child.kill(signal);
    }
    const end = await ended;
    const error = errorIn(end);
    this.log.push(`${args.join(' ')}${killAfterMs === undefined ? '' : ` (${signal} after ${killAfterMs} ms)`}`);
    this.log.push(`  -> ${end.signal ?? end.code} ${error?.code ?? ''} ${error?.message ?? ''} [${error?.hint ?? ''}]`);
    if (/\n\s+at /.test(end.stderr + end.stdout)) throw this.#failure(`a stack trace: ${end.stderr}`);
    // Before it listens a signal ends it as it ends any process.
    if ((end.signal && killAfterMs !== undefined) || args[0] === 'status' || end.code === 0) return end;
    if (!error || !isErrorCode(error.code) || CODES[error.code].class === 'BUG')
      throw this.#failure(`ended with ${end.code}: ${end.stdout}${end.stderr}`);
    const { exitCode } = CODES[error.code];
    if (error.code !== 'CANCELLED' && exitCode !== end.code)
      throw this.#failure(`${error.code} ended with ${end.code}`);
    return end;
  }

  #command(): { source: string; output: string; detector: string; args: string[] } {
    const [source, output, detector] = [this.#dice.of(SOURCES), this.#dice.of(OUTPUTS), this.#dice.of(DETECTORS)];
    return { source, output, detector, args: ['score', source, '-o', output, '-d', detector, '--chunk-rows', '4096'] };
  }

  async #interrupt(): Promise<void> {
    const { args } = this.#command();
    await this.#run(args, 100 + this.#dice.roll(900), this.#dice.of(['SIGKILL', 'SIGKILL', 'SIGINT']));
  }

  /** A command that is refused is done all the same once what its hint says is done. */
  async #score(): Promise<void> {
    const { source, output, detector, args } = this.#command();
    const more = new Set<string>();
    for (let tries = 0; tries < 6; tries += 1) {
      const end = await this.#run([...args, ...more]);
      if (end.code === 0)
        return this.#expectWhole(output, referenceKey(this.#version.get(source) ?? '', detector, output));
      const { code, hint = '' } = errorIn(end) ?? {};
      if (code === 'OUTPUT_EXISTS' && hint.includes('--force')) more.add('--force');
      else if (code === 'OUTPUT_EXISTS' && hint.includes('move away')) this.#moveAway(output);
      else if (['JOB_MISMATCH', 'INPUT_CHANGED'].includes(code ?? '') && hint.includes('--fresh')) more.add('--fresh');
      else throw this.#failure(`no way on from ${code}: ${hint}`);
    }
    throw this.#failure('the hints led nowhere');
  }

  async #expectWhole(output: string, key: string): Promise<void> {
    const path = this.#at(output);
    if (digestOf(path) !== this.#references.get(key)) throw this.#failure(`${output} is not ${key}`);
    const inside = output.endsWith('/') ? readdirSync(path) : [];
    const left = [...readdirSync(this.#directory), ...inside].filter((name) => name.startsWith('.'));
    if (left.length > 0) throw this.#failure(`left over: ${left}`);
    // Beside what is ours of a finished directory others may lie: it is not written again, and verify names them.
    if ([...this.#strangers.keys()].some((path) => path.startsWith(this.#at(output)))) return;
    if ((await this.#run(['verify', output])).code !== 0) throw this.#failure(`${output} is not whole`);
  }

  async #resume(): Promise<void> {
    const jobs = existsSync(this.#at('home', 'jobs')) ? readdirSync(this.#at('home', 'jobs')).sort() : [];
    if (jobs.length === 0) return;
    const end = await this.#run(['resume', this.#dice.of(jobs)]);
    if (end.code !== 0) return;
    const { detector, output } = JSON.parse(end.stdout) as { detector: string; output: { path: string } };
    const name = output.path.slice(this.#directory.length + 1);
    const asked = OUTPUTS.find((one) => one.startsWith(name)) ?? '';
    const digests = [...this.#version.values()].map((version) => referenceKey(version, detector, asked));
    const key = digests.find((one) => this.#references.get(one) === digestOf(output.path));
    await this.#expectWhole(asked, key ?? digests.join(' or '));
  }

  /** Whatever there is, it is told, and `plan` touches nothing. */
  async #look(): Promise<void> {
    await this.#run(['jobs']);
    await this.#run(['status']);
    const before = tree(this.#directory).join('\n');
    const { args } = this.#command();
    await this.#run(['plan', ...args.slice(1)]);
    if (tree(this.#directory).join('\n') !== before) throw this.#failure('plan touched something');
    for (const output of OUTPUTS) await this.#run(['verify', output]);
  }

  #replace(source: string, version: string): void {
    this.log.push(`${source} is ${version}`);
    this.#version.set(source, version);
    const from = join(this.#versions, `${version}.parquet`);
    if (this.#dice.roll(2) === 0) copyFileSync(from, this.#at(source));
    else {
      copyFileSync(from, this.#at(`${source}.new`));
      renameSync(this.#at(`${source}.new`), this.#at(source));
    }
  }

  #touch(source: string): void {
    this.log.push(`touch ${source}`);
    const now = new Date();
    utimesSync(this.#at(source), now, now);
  }

  /** What a power loss, a full disk or a person leaves of a job. */
  #spoilJob(): void {
    const home = this.#at('home');
    if (!existsSync(home)) return;
    const files = (readdirSync(home, { recursive: true }) as string[])
      .filter((name) => lstatSync(join(home, name)).isFile() && !name.endsWith('job.lock'))
      .sort();
    if (files.length === 0) return;
    const file = join(home, this.#dice.of(files));
    const how = this.#dice.of(['remove', 'cut', 'flip', 'whole job'] as const);
    this.log.push(`${how}: ${file.slice(home.length + 1)}`);
    const [room, job = ''] = file.slice(home.length + 1).split('/');
    if (how !== 'whole job') this.#spoil(file, how);
    else if (room === 'jobs') rmSync(join(home, room, job), { recursive: true });
    else this.#spoil(file, 'remove');
  }

  #spoil(file: string, how: 'remove' | 'cut' | 'flip'): void {
    const { size } = lstatSync(file);
    if (how === 'remove') rmSync(file);
    else if (how === 'cut') truncateSync(file, this.#dice.roll(size + 1));
    else if (size > 0) {
      const bytes = readFileSync(file);
      const place = this.#dice.roll(size);
      bytes[place] = (bytes[place] ?? 0) ^ (1 << this.#dice.roll(8));
      writeFileSync(file, bytes);
    }
  }

  #spoilOutput(): void {
    const output = this.#at(this.#dice.of(OUTPUTS));
    if (!existsSync(output)) return;
    const inside = lstatSync(output).isDirectory() ? readdirSync(output).map((name) => join(output, name)) : [output];
    const ours = inside.filter((path) => !this.#strangers.has(path) && lstatSync(path).isFile()).sort();
    const how = this.#dice.of(['remove', 'cut', 'flip', 'all'] as const);
    this.log.push(`${how}: ${output}`);
    if (how === 'all') for (const path of ours) rmSync(path);
    else if (ours.length > 0) this.#spoil(this.#dice.of(ours), how);
  }

  /** Somebody puts a file where we write. */
  #stranger(): void {
    const path = this.#at(this.#dice.of(['x.parquet', 'y/notes.txt', 'y/part-0000000.parquet', 'y/other.parquet']));
    if (this.#strangers.has(path)) return;
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    const content = `somebody's, number ${this.log.length}`;
    writeFileSync(path, content);
    this.#strangers.set(path, content);
    this.log.push(`somebody writes ${path}`);
  }

  /** What a person does who is told that something lies there: it is kept elsewhere. */
  #moveAway(output: string): void {
    this.log.push(`${output} is moved away`);
    const [from, to] = [this.#at(output.replace(/\/$/, '')), this.#at(`away-${this.log.length}`)];
    renameSync(from, to);
    for (const [path, content] of [...this.#strangers]) {
      if (!path.startsWith(from)) continue;
      this.#strangers.delete(path);
      this.#strangers.set(to + path.slice(from.length), content);
    }
  }
}

function errorIn({ stdout }: Ended): { code: ErrorCode; message: string; hint?: string } | undefined {
  try {
    return JSON.parse(stdout).error;
  } catch {
    return undefined;
  }
}
