/** `inspect`: what a source, a model, an output or a job is. */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { detectorTable } from '../../bindings/native.ts';
import { BatchCoreError, EXIT } from '../../errors.ts';
import { jobStatus } from '../../orchestrator/jobs.ts';
import { loadModelFile } from '../../orchestrator/prepare.ts';
import { isModelFile, MANIFEST, METADATA_FINGERPRINT, readManifest } from '../../sink/target.ts';
import { readFacts } from '../../source/facts.ts';
import { bytesText, printJson, printLine, rowsText } from '../print.ts';
import { tableText } from '../tables.ts';

interface InspectFlags {
  detectors?: boolean;
  json?: boolean;
}

/** What was found, as data and as text. */
interface Inspected {
  data: object;
  text: string;
}

export async function inspectCommand(file: string | undefined, flags: InspectFlags): Promise<number> {
  const found = flags.detectors ? inspectDetectors() : await inspectPath(file);
  if (flags.json) printJson(found.data);
  else printLine(found.text);
  return EXIT.ok;
}

async function inspectPath(file: string | undefined): Promise<Inspected> {
  if (file === undefined)
    throw new BatchCoreError('USAGE', 'inspect: nothing to look at', { hint: 'name a file, or give --detectors' });
  const path = resolve(file);
  if (!existsSync(path))
    throw new BatchCoreError('SOURCE_NOT_FOUND', `there is no file ${path}`, {
      where: { file: path },
      hint: 'name a Parquet file, a model, an output directory or a job directory',
    });
  if (statSync(path).isDirectory()) return inspectDirectory(path);
  return isModelFile(path) ? inspectModel(path) : inspectParquet(path);
}

function inspectDirectory(path: string): Inspected {
  const manifest = readManifest(join(path, MANIFEST));
  if (manifest) return { data: { kind: 'output', path, ...manifest }, text: JSON.stringify(manifest, null, 2) };
  if (existsSync(join(path, 'status.json'))) {
    const parts = path.split('/');
    const status = jobStatus(parts.slice(0, -2).join('/'), parts.at(-1));
    return { data: { kind: 'job', ...status }, text: JSON.stringify(status, null, 2) };
  }
  throw new BatchCoreError('SOURCE_INVALID', `${path} is neither an output of batch-core nor a job`, {
    where: { file: path },
    hint: 'to look at one file of a source, name the file',
  });
}

function inspectModel(path: string): Inspected {
  const { facts, bytes } = loadModelFile(path);
  const lines = [
    `model     ${facts.detector}, ${facts.columns.length} columns, fitted on ${rowsText(facts.fitRows)} rows, ${bytesText(bytes.length)}`,
    `digest    ${facts.digest}`,
    `columns   ${facts.columns.join(', ')}`,
    ...(facts.constants.length > 0 ? [`constant  ${facts.constants.join(', ')}`] : []),
    `seed      ${facts.seed}, contamination ${facts.contamination}`,
    `set       ${JSON.stringify(facts.parameters)}`,
  ];
  return { data: { kind: 'model', path, bytes: bytes.length, ...facts }, text: lines.join('\n') };
}

async function inspectParquet(path: string): Promise<Inspected> {
  const { partFacts } = await import('../../bindings/native.ts');
  const facts = await readFacts([path]);
  const [file] = facts.files;
  if (!file) throw new BatchCoreError('BUG', 'a file without facts');
  const ours = partFacts(path).metadata;
  const job = ours[METADATA_FINGERPRINT];
  const text = [
    `${job === undefined ? 'source' : 'output'}    ${path}: ${rowsText(file.rows)} rows, ${file.rowGroups.length} row groups, ${bytesText(file.size)}`,
    ...(job === undefined ? [] : [`fingerprint ${job}, model ${ours['batch_core.model'] ?? ''}`]),
    '',
    tableText(
      ['column', 'type', 'scored by default'],
      facts.columns.map((column) => [
        column.name,
        column.type,
        column.usable ? 'yes' : `no: ${column.reason ?? column.type}`,
      ]),
    ),
  ];
  return {
    data: {
      kind: job === undefined ? 'source' : 'output',
      path,
      ...(job !== undefined && { jobId: job }),
      metadata: ours,
      rows: file.rows,
      bytes: file.size,
      rowGroups: file.rowGroups,
      columns: facts.columns,
    },
    text: text.join('\n'),
  };
}

function inspectDetectors(): Inspected {
  const detectors = detectorTable();
  const text = detectors.map(({ name, summary, passes, parameters }) => {
    const head = `${name}: ${summary} (${passes} ${passes === 1 ? 'pass' : 'passes'})`;
    const rows = parameters.map((p) => [
      `  ${p.name}`,
      p.kind === 'choice' ? (p.choices ?? []).join(' | ') : `${p.kind} ${p.min ?? ''}..${p.max ?? ''}`,
      `default ${String(p.default)}`,
      p.help,
    ]);
    return rows.length > 0 ? `${head}\n${tableText(['  --set', 'values', '', ''], rows)}` : head;
  });
  return { data: detectors, text: text.join('\n\n') };
}
