/** What a job may replace at one of its places: what it was allowed to, and what it wrote there. */
import { basename, dirname } from 'node:path';
import { headOf } from '../../files/head.ts';
import { realPlace } from '../../sink/place.ts';
import { type Approved, type Claim, NOTHING_APPROVED, type WrittenFile } from '../../sink/target.ts';
import { type OpenJob, requestOf } from '../job/job.ts';
import { readOwnModel } from '../job/ownModel.ts';

/** What a job may replace at one of its places beside what carries its fingerprint: what was approved when it began. */
export function claimAt(place: string, job: Claimant | undefined, force = false): Omit<Claim, 'fingerprint'> {
  const { files } = job?.approved ?? NOTHING_APPROVED;
  const at = ({ path: file, ...id }: Approved['files'][number]) => ({ name: file === place ? '' : basename(file), id });
  return {
    force,
    approved: files.filter((file) => file.path === place || dirname(file.path) === place).map(at),
    written: writtenAt(place, job),
  };
}

/** What tells which files are a job's. */
type Claimant = Pick<OpenJob, 'approved' | 'publication'> & Partial<Pick<OpenJob, 'stored' | 'model' | 'paths'>>;

/** What the job wrote there: its output, or a copy of its model, of which it keeps no other record. */
function writtenAt(place: string, job: Claimant | undefined): readonly WrittenFile[] {
  const output = job?.publication?.output;
  if (output?.path === place) return output.files;
  const { stored, model, paths } = job ?? {};
  const saved = stored && requestOf(stored).options['saveModel'];
  if (!model || !paths || typeof saved !== 'string' || realPlace(saved) !== place) return [];
  const own = readOwnModel({ model, paths });
  return own ? [{ name: '', size: own.length, head: headOf(paths.model) }] : [];
}
