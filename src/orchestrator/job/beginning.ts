/** How a job began: what it was asked, and what its source was then. */
import type { KnownIdentity } from '../../source/identity.ts';
import { readRecord } from '../../store/home.ts';
import { readDatabase, requestFrom, requestOf, type StoredRequest, type WrittenRequest } from './job.ts';

/** What a job was asked to do: by its record, which outlives its database; else by that. */
export async function readRequest(home: string, jobId: string): Promise<StoredRequest | undefined> {
  const recorded = readBeginning(home, jobId);
  if (recorded) return recorded.request;
  const stored = (await readDatabase(home, jobId))?.stored;
  return stored && requestOf(stored);
}

/** What a job was asked to do, and what its source was then, each file by what is known of it; then what it only fits on. */
export interface Beginning {
  request: StoredRequest;
  files: readonly KnownIdentity[];
}

/** The beginning of a job by its record alone, for whoever only looks. */
export function readBeginning(home: string, jobId: string): Beginning | undefined {
  const record = readRecord(home, jobId);
  const written = record?.request as Partial<StoredRequest> | undefined;
  if (![written?.spec, written?.options, written?.asked ?? {}].every(isObject)) return undefined;
  const request = requestFrom(written as WrittenRequest);
  const { inputs, fit } = request.spec;
  // One that somebody changed may lack what ours has.
  const files = [inputs, fit?.inputs]
    .flatMap((some) => (Array.isArray(some) ? some : []))
    .map((input, i) => {
      const mtimeNs = record?.mtimesNs?.[i];
      return { ...input, ...(mtimeNs !== undefined && { mtimeNs }) };
    });
  return { request, files };
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
