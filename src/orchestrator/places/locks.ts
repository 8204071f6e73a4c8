/** Of several jobs of a home that would write to one place at the same time one goes on: the kernel says which. */
import { type JobLock, lockHolder } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import type { Place } from '../../sink/place.ts';
import { makeLockDirectory } from '../../store/directories.ts';
import { jobPaths, placeLock } from '../../store/home.ts';
import { identify } from '../../system.ts';
import { busy, busyHint, refuseForeignLock, takeLock } from '../job/job.ts';
import { jobCommand } from '../prepare/commands.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { placesOf } from './targets.ts';

/** Locks that are ours until they are released. */
export interface PlaceLocks {
  release(): void;
}

/** Takes the lock of each place that the run writes to; refuses while another job has one. */
export function lockPlaces(prepared: Prepared): PlaceLocks {
  const { home, jobId } = prepared;
  const { pid, host } = identify();
  const holder = `job ${jobId}: pid ${pid} on host ${host} since ${new Date().toISOString()}`;
  const taken: JobLock[] = [];
  const release = () => {
    for (const lock of taken) lock.release();
  };
  const places = placesOf(prepared);
  if (places.length > 0) makeLockDirectory(home, jobId);
  try {
    for (const place of places) {
      const lock = takeLock(placeLock(home, place.place), holder);
      if (lock.holder !== undefined) throw locked(prepared, place, lock.holder);
      taken.push(lock);
    }
  } catch (error) {
    release();
    throw error;
  }
  return { release };
}

/** Refuses where {@link lockPlaces} or the job's own lock would be refused, without taking one. */
export function refuseLocked(prepared: Prepared): void {
  const { home, jobId } = prepared;
  for (const place of placesOf(prepared)) {
    const lock = placeLock(home, place.place);
    refuseForeignLock(lock);
    const holder = lockHolder(lock);
    if (holder !== undefined) throw locked(prepared, place, holder);
  }
  refuseForeignLock(jobPaths(home, jobId).lock);
}

/** A holder that has the lock since an instant has not said which job it is. */
function locked({ home, jobId }: Prepared, { path }: Place, holder: string): BatchCoreError {
  const [, other, process = holder] = /^job ([0-9a-f]+): (.*)$/.exec(holder) ?? [];
  if (other === jobId) return busy(home, jobId, process);
  const job = other === undefined ? 'another job' : `job ${other}`;
  return new BatchCoreError('JOB_BUSY', `${job} is writing ${path}: ${process || 'a process that has just begun'}`, {
    where: { file: path, ...(other !== undefined && { job: other }) },
    hint: other === undefined ? `"${jobCommand('jobs', '', home)}" tells of it` : busyHint(home, other),
  });
}
