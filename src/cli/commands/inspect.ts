/** `inspect`: what a source, a model, an output or a job is. */
import { accessSync, constants, existsSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { detectorTable, partFacts } from '../../bindings/native.ts';
import { BatchCoreError, EXIT } from '../../errors.ts';
import { lookFrom } from '../../orchestrator/prepare/home.ts';
import { jobStatus } from '../../orchestrator/core/jobs.ts';
import { loadModelFile } from '../../orchestrator/prepare/prepare.ts';
import { refuseRowNumbers } from '../../orchestrator/spec/jobSpec.ts';
import { damaged, unfinished } from '../../orchestrator/verify/verified.ts';
import { fromHere } from '../../paths.ts';
import { isModelFile, METADATA_FINGERPRINT, SUCCESS } from '../../sink/look.ts';
import { MANIFEST, readManifest } from '../../sink/manifest.ts';
import { readFacts, type SourceFacts } from '../../source/facts.ts';
import { fileColumnNames } from '../../source/names.ts';
import { resolveSource } from '../../source/resolve.ts';
import { knownJobs } from '../../store/home.ts';
import { bytesText, countText, numberText, rowsText, shortList } from '../print.ts';
import { answerColumns, type Line, printJson, printLines } from '../streams.ts';
import { tableLines } from '../tables.ts';
import { type FlagFacts, readFlagFacts } from './flags.ts';
import { statusLines } from './jobs.ts';

interface InspectFlags {
  detectors?: boolean;
  json?: boolean;
}

/** What was found, as data and as text. */
interface Inspected {
  data: object;
  lines: Line[];
}

export async function inspectCommand(paths: readonly string[], flags: InspectFlags): Promise<number> {
  const found = flags.detectors ? inspectDetectors() : await inspectPaths(paths);
  if (flags.json) printJson(found.data);
  else printLines(found.lines);
  return EXIT.ok;
}

async function inspectPaths(paths: readonly string[]): Promise<Inspected> {
  const [only] = paths;
  if (only === undefined)
    throw new BatchCoreError('USAGE', 'inspect: nothing to look at', {
      hint: 'name a Parquet file, a directory, a model, an output or a job, or give --detectors',
    });
  if (paths.length > 1) return inspectSource(paths);
  const path = fromHere(only);
  const stats = statsOf(path);
  if (stats?.isDirectory()) return inspectDirectory(only, path);
  // What is no file that can be read is told in the words that score has for it.
  if (!stats?.isFile() || !isReadable(path)) return inspectSource(paths);
  return isModelFile(path) ? inspectModel(path) : inspectFile(only, path);
}

/** What may not be looked at, the source's own look says in its words. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

async function inspectDirectory(asked: string, path: string): Promise<Inspected> {
  const manifest = readManifest(join(path, MANIFEST));
  if (manifest) return inspectOutputDirectory(path, manifest.content);
  const home = dirname(dirname(path));
  const isJob = basename(dirname(path)) === 'jobs' && knownJobs(home).includes(basename(path));
  if (!isJob) return inspectSource([asked]);
  const status = jobStatus(home, basename(path));
  return { data: { kind: 'job', ...status }, lines: statusLines(status) };
}

interface ManifestFacts {
  rows?: unknown;
  bytes?: unknown;
  model?: unknown;
  parts?: unknown;
}

async function inspectOutputDirectory(path: string, manifest: ManifestFacts): Promise<Inspected> {
  if (!existsSync(join(path, SUCCESS))) throw unfinished(path, false);
  const parts = Array.isArray(manifest.parts) ? manifest.parts.map((part) => String(Object(part).name)) : [];
  const files = parts.map((name) => join(path, basename(name)));
  const flags = await readFlagFacts(files);
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  if (flags.rows !== manifest.rows || bytes !== manifest.bytes)
    throw damaged(
      path,
      `its manifest says ${manifest.rows} rows in ${manifest.bytes} bytes; its parts have ${flags.rows} in ${bytes}`,
    );
  return {
    data: { kind: 'output', path, ...manifest, flags },
    lines: [
      `output    ${path}: ${rowsText(flags.rows)} rows in ${countText(parts.length, 'part')}, ${bytesText(bytes)}`,
      `model     ${String(manifest.model)}`,
      ...flagLines(flags),
    ],
  };
}

function inspectModel(path: string): Inspected {
  const { facts, bytes } = loadModelFile(path);
  const lines = [
    `model     ${facts.detector}, ${countText(facts.columns.length, 'column')}, fitted on ${rowsText(facts.fitRows)} rows, ${bytesText(bytes.length)}`,
    `digest    ${facts.digest}`,
    `columns   ${facts.columns.join(', ')}`,
    ...(facts.leftOut.length > 0
      ? [`left out  ${facts.leftOut.map(({ column, reason }) => `${column} (${reason})`).join(', ')}`]
      : []),
    `seed      ${facts.seed}, contamination ${facts.contamination}`,
    `set       ${JSON.stringify(facts.parameters)}`,
  ];
  return { data: { kind: 'model', path, bytes: bytes.length, ...facts }, lines };
}

/** One Parquet file: a source, or an output when its metadata says so. */
async function inspectFile(asked: string, path: string): Promise<Inspected> {
  const [file] = await resolveSource([asked], lookFrom([asked]));
  const facts = await readFacts([file ?? path]);
  const metadata = partFacts(path).metadata;
  const ours = Object.keys(metadata).some((key) => key.startsWith('batch_core.'));
  return ours ? inspectOutput(path, facts, metadata) : describeSource(facts, { metadata });
}

async function inspectOutput(path: string, facts: SourceFacts, metadata: Record<string, string>): Promise<Inspected> {
  const [file] = facts.files;
  const fingerprint = metadata[METADATA_FINGERPRINT];
  const flags = await readFlagFacts([path]);
  return {
    data: {
      kind: 'output',
      path,
      ...(fingerprint !== undefined && { fingerprint }),
      metadata,
      rows: file?.rows,
      bytes: file?.size,
      rowGroups: file?.rowGroups,
      columns: facts.columns,
      flags,
    },
    lines: [
      `output    ${path}: ${sizeText(facts)}`,
      ...(fingerprint === undefined ? [] : [`content   ${fingerprint}`]),
      `model     ${metadata['batch_core.model'] ?? ''}`,
      ...flagLines(flags),
      '',
      ...tableLines(
        ['column', 'type'],
        facts.columns.map(({ name, type }) => [name, type]),
        [],
        answerColumns(),
      ),
    ],
  };
}

function flagLines({ rows, flagged, unscored, lowestFlagged, highestUnflagged }: FlagFacts): Line[] {
  const share = rows === 0 ? 0 : (100 * flagged) / rows;
  return [
    `flagged   ${rowsText(flagged)} rows (${share.toFixed(2)} %)` +
      (lowestFlagged === null ? '' : `, with scores of ${numberText(lowestFlagged)} and more`),
    ...(highestUnflagged === null
      ? []
      : [`          the highest score that is not flagged: ${numberText(highestUnflagged)}`]),
    ...(unscored > 0 ? [`no score  ${rowsText(unscored)} rows with missing values`] : []),
  ];
}

/** Files, directories and patterns, as `score` takes them. */
async function inspectSource(paths: readonly string[]): Promise<Inspected> {
  return describeSource(await readFacts(await resolveSource(paths, lookFrom(paths))));
}

const FILES_MAX = 5;

async function describeSource(facts: SourceFacts, more: object = {}): Promise<Inspected> {
  const { files, columns } = facts;
  const [first] = files;
  if (!first) throw new BatchCoreError('BUG', 'a source without files');
  const names = await fileColumnNames(first.path);
  const renamed = (i: number) => (names[i] !== undefined && names[i] !== columns[i]?.name ? names[i] : undefined);
  const refusal = refusalOf(facts);
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  return {
    data: {
      kind: 'source',
      path: first.path,
      files: files.map((file) => ({ path: file.path, rows: file.rows, bytes: file.size })),
      ...more,
      rows,
      bytes,
      rowGroups: files.flatMap((file) => file.rowGroups),
      columns: columns.map((column, i) => ({ ...column, ...(renamed(i) !== undefined && { nameInFile: renamed(i) }) })),
      ...(refusal && { refusal: refusal.toJSON() }),
    },
    lines: [
      files.length === 1
        ? `source    ${first.path}: ${sizeText(facts)}`
        : `source    ${countText(files.length, 'file')}: ${sizeText(facts)}`,
      ...(files.length === 1
        ? []
        : [
            `files     ${shortList(
              files.map((file) => file.path),
              FILES_MAX,
            )}`,
          ]),
      '',
      ...tableLines(
        ['column', 'type', 'scored by default'],
        columns.map((column, i) => [
          column.name + (renamed(i) === undefined ? '' : ` (in the file "${renamed(i)}", which is taken or empty)`),
          column.type,
          usableText(column),
        ]),
        [],
        answerColumns(),
      ),
      '',
      ...(refusal ? [`score refuses it: ${refusal.message} (${refusal.hint})`] : []),
      'columns of a single value are left out when a fit finds them',
    ],
  };
}

/** Why a source cannot be scored, whatever is asked. */
function refusalOf(facts: SourceFacts): BatchCoreError | undefined {
  try {
    refuseRowNumbers(facts);
    return undefined;
  } catch (thrown) {
    return BatchCoreError.from(thrown);
  }
}

function usableText({ usable, convertible, reason, type }: SourceFacts['columns'][number]): string {
  if (usable) return 'yes';
  return `no: ${reason ?? type}${convertible ? ', unless named by --columns' : ''}`;
}

function sizeText({ files }: SourceFacts): string {
  const sum = (pick: (file: (typeof files)[number]) => number) => files.reduce((n, file) => n + pick(file), 0);
  return `${rowsText(sum((file) => file.rows))} rows, ${countText(
    sum((file) => file.rowGroups.length),
    'row group',
  )}, ${bytesText(sum((file) => file.size))}`;
}

function inspectDetectors(): Inspected {
  const detectors = detectorTable();
  const lines = detectors.flatMap(({ name, summary, passes, parameters }, i): Line[] => {
    const rows = parameters.map((p) => [
      `  ${p.name}`,
      p.kind === 'choice' ? (p.choices ?? []).join(' | ') : `${p.kind} ${p.min ?? ''}..${p.max ?? ''}`,
      `default ${String(p.default)}`,
      p.help,
    ]);
    return [
      ...(i > 0 ? [''] : []),
      `${name}: ${summary} (${countText(passes, 'pass', 'passes')})`,
      ...(rows.length > 0 ? tableLines(['  --set', 'values', '', ''], rows, [], answerColumns()) : []),
    ];
  });
  return { data: detectors, lines };
}
