/** The command line's place in a library's queue: it waits until the device is free, and says that it is at work. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ownHolder } from '../runs';
import type { LibraryFolders } from './library';
import { isHeld, QueueFile, type StoredQueue } from './queue-file';
import { isNext } from './scheduling';

const LOOK_MS = 1000;
const BEAT_MS = 5000;

export interface TurnRequest {
  run: string;
  folder: string;
  detail: string;
  signal?: AbortSignal;
  /** Told once for each reason to wait, in a sentence. */
  onWait?: (message: string) => void;
  /** Milliseconds between looks. */
  lookEvery?: number;
}

/** The device is ours until `end`. */
export interface Turn {
  /** Kept for those who look; written now and then. */
  progress(share: number, secondsLeft: number | null): void;
  end(): Promise<void>;
}

/** @returns undefined where the signal came first */
export async function waitForTurn(library: LibraryFolders, request: TurnRequest): Promise<Turn | undefined> {
  const { run, folder, detail, signal, onWait, lookEvery = LOOK_MS } = request;
  const file = new QueueFile(library.queue);
  const holder = ownHolder();
  const mine = await file.change((queue) => {
    const job = queue.next++;
    const place = { progress: 0, secondsLeft: null, lastFrom: 0, attempts: 0 };
    const common = { job, kind: 'train' as const, run, folder, detail, owner: 'command-line' as const, holder };
    queue.jobs.push({ ...common, state: 'waiting', beat: Date.now(), ...place });
    return job;
  });
  const leave = (): Promise<void> =>
    file.change((queue) => {
      queue.jobs = queue.jobs.filter(({ job }) => job !== mine);
    });
  let said = '';
  try {
    for (;;) {
      const reason = await file.change((queue) => {
        const job = queue.jobs.find((each) => each.job === mine);
        if (!job) throw new Error('The place in the queue is gone.');
        job.beat = Date.now();
        if (!isNext(queue, mine)) return reasonToWait(queue, mine);
        job.state = 'running';
        // The running one stands first.
        queue.jobs = [job, ...queue.jobs.filter((each) => each !== job)];
        return undefined;
      });
      if (reason === undefined) break;
      if (reason !== said) onWait?.((said = reason));
      await sleep(lookEvery, undefined, { signal });
    }
  } catch (error) {
    await leave();
    if (signal?.aborted) return undefined;
    throw error;
  }
  const latest: { progress: number; secondsLeft: number | null } = { progress: 0, secondsLeft: null };
  const beat = setInterval(() => {
    const write = file.change((queue) => {
      const job = queue.jobs.find((each) => each.job === mine);
      if (job) Object.assign(job, latest, { beat: Date.now() });
    });
    // A beat that is missed is no reason to end a run.
    write.catch(() => undefined);
  }, BEAT_MS);
  beat.unref();
  return {
    progress(share, secondsLeft) {
      latest.progress = Math.min(1, Math.max(0, share));
      latest.secondsLeft = secondsLeft;
    },
    async end() {
      clearInterval(beat);
      await leave();
    },
  };
}

function reasonToWait(queue: StoredQueue, mine: number): string {
  const working = queue.jobs.find((job) => job.state !== 'waiting' && isHeld(job));
  if (working) {
    const does = working.state === 'paused' ? 'is paused and keeps the device' : 'is being trained';
    return `The device is taken: ${working.run} ${does}. Waiting for its end; Ctrl-C gives up the place.`;
  }
  if (queue.held) return 'The queue is held: release it in the workbench, or with ibot queue --release.';
  const first = queue.jobs.find((job) => job.job !== mine && job.state === 'waiting');
  return `Waiting for ${first?.run ?? 'another run'}, which comes first.`;
}
