import { isHeld, type StoredJob, type StoredQueue } from './queue-file';

/** A workbench's job that waits may be taken by any workbench; without one it must not keep others from the device. */
const WORKBENCH_SILENT_MS = 15_000;

/** The job that has the device, or keeps it while it is paused: one whose process is there. */
export const working = (queue: StoredQueue): StoredJob | undefined =>
  queue.jobs.find((job) => job.state !== 'waiting' && isHeld(job));

/** Whether somebody is there to begin it: at the command line itself, a workbench that said so lately. */
const mayBegin = (job: StoredJob, now: number): boolean =>
  job.owner === 'command-line' ? isHeld(job, now) : now - job.beat < WORKBENCH_SILENT_MS;

/** Whether a waiting job's turn has come. */
export function isNext(queue: StoredQueue, id: number, now = Date.now()): boolean {
  if (queue.held || working(queue)) return false;
  const first = queue.jobs.find((job) => job.state === 'waiting' && (job.job === id || mayBegin(job, now)));
  return first?.job === id;
}
