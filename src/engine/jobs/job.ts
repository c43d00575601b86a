import type { RunControl } from '../runs';
import type { LibraryFolders } from './library';
import type { StoredJob, StoredQueue } from './queue-file';

/** over: whatever became of it · again: it goes on as soon as that is possible, before all others. */
export type JobOutcome = 'over' | 'again';

export interface JobQueueOptions {
  library: LibraryFolders;
  /** Carries a job out to its end. It never rejects; what became of the run stands in its record. */
  carryOut: (job: StoredJob, control: RunControl) => Promise<JobOutcome>;
  /** Whether there is something to carry jobs out on; `look` is called when there is. */
  mayBegin?: () => boolean;
  /** Step of the last checkpoint, 0 for none. */
  savedStep: (job: StoredJob) => Promise<number>;
  /** Something about the queue is different, also by another process. */
  changed: (queue: StoredQueue) => void;
  /** Errors that are nobody's fault but ours. */
  defect: (error: unknown) => void;
  /** Of the device's time, what short work may take. */
  share: () => number;
  /** Milliseconds between looks at what other processes did. */
  lookEvery?: number;
}

export interface NewJob {
  run: string;
  folder: string;
  detail: string;
  progress?: number;
}

export interface Going {
  job: StoredJob;
  control: RunControl;
  finished: Promise<void>;
}

/** A job that an earlier process of the workbench was carrying out when it ended. */
export interface Orphan {
  job: StoredJob;
  fromStep: number;
  /** Tried several times from the same checkpoint: it is not begun again by itself. */
  givenUp: boolean;
}
