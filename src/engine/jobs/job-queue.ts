/**
 * The workbench's side of the queue: begins the next job when its turn has come, takes up what an earlier process of it left,
 * and lets jobs be ordered, held and taken out.
 */
import { UserError } from '../errors';
import { ownHolder, RunControl } from '../runs';
import type { Going, JobOutcome, JobQueueOptions, NewJob, Orphan } from './job';
import { isHeld, isOurs, QueueFile, type StoredJob, type StoredQueue } from './queue-file';
import { isNext, working } from './scheduling';

const BEAT_MS = 4000;
/** So often a run is taken up from the same checkpoint before it is left alone. */
const MOST_ATTEMPTS = 3;

export class JobQueue {
  going: Going | undefined;
  private readonly file: QueueFile;
  private queue: StoredQueue = { format: 'ibot-workbench queue', version: 1, next: 1, held: false, jobs: [] };
  private seenAt = 0;
  private beatAt = 0;
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private closing = false;
  /** Jobs that are over, which the file could not be told: the disk was full. */
  private readonly over = new Set<number>();

  constructor(private readonly options: JobQueueOptions) {
    this.file = new QueueFile(options.library.queue);
  }

  /** As it was last seen. */
  get present(): StoredQueue {
    return this.queue;
  }

  /** Takes over what is there; `start` begins to carry out. */
  async open(): Promise<Orphan[]> {
    const isLeft = (job: StoredJob): boolean => job.owner === 'workbench' && job.state === 'running' && !isHeld(job);
    const left = (await this.file.read()).jobs.filter(isLeft);
    const steps = new Map<number, number>();
    for (const job of left) steps.set(job.job, await this.options.savedStep(job).catch(() => 0));
    const orphans = await this.file.change((queue) => {
      const found: Orphan[] = [];
      // Another process may have taken them over meanwhile.
      for (const job of queue.jobs.filter((job) => steps.has(job.job) && isLeft(job)).reverse()) {
        const fromStep = steps.get(job.job)!;
        job.attempts = job.lastFrom === fromStep ? job.attempts + 1 : 1;
        Object.assign(job, { lastFrom: fromStep, state: 'waiting', holder: null, beat: Date.now() });
        const givenUp = job.attempts > MOST_ATTEMPTS;
        queue.jobs = queue.jobs.filter((each) => each !== job);
        if (!givenUp) queue.jobs.unshift(job);
        found.push({ job: { ...job }, fromStep, givenUp });
      }
      return found;
    });
    await this.refresh();
    return orphans;
  }

  start(): void {
    const { lookEvery = 500 } = this.options;
    this.timer = setInterval(() => this.look(), lookEvery);
    this.look();
  }

  async add({ run, folder, detail, progress = 0 }: NewJob): Promise<number> {
    const id = await this.file.change((queue) => {
      if (queue.jobs.some((job) => job.folder === folder)) throw new UserError(`${run} is in the queue already.`);
      const job: StoredJob = {
        job: queue.next++,
        kind: 'train',
        run,
        folder,
        detail,
        owner: 'workbench',
        state: 'waiting',
        holder: null,
        beat: Date.now(),
        progress,
        secondsLeft: null,
        lastFrom: 0,
        attempts: 0,
      };
      queue.jobs.push(job);
      return job.job;
    });
    await this.refresh();
    this.look();
    return id;
  }

  /** @throws UserError for one that runs, or is the command line's; @returns false where there is none */
  async move(id: number, before: number | null): Promise<boolean> {
    return this.changeWaiting(id, (queue, job) => {
      const rest = queue.jobs.filter((each) => each !== job);
      const place = before === null ? rest.length : rest.findIndex((each) => each.job === before);
      const firstWaiting = rest.findIndex(({ state }) => state === 'waiting');
      // What runs stays first.
      rest.splice(Math.max(place < 0 ? rest.length : place, firstWaiting < 0 ? rest.length : firstWaiting), 0, job);
      queue.jobs = rest;
    });
  }

  /** Takes a waiting or paused job out that no process carries out. @throws and @returns as `move` */
  async remove(id: number): Promise<boolean> {
    return this.changeWaiting(id, (queue, job) => {
      queue.jobs = queue.jobs.filter((each) => each !== job);
    });
  }

  async hold(held: boolean): Promise<void> {
    await this.file.change((queue) => {
      queue.held = held;
    });
    await this.refresh();
    this.look();
  }

  /** Has `move` done, and follows it with the job of this folder, if there is one; it does not begin meanwhile. @throws as `move` */
  async rename<T>(folder: string, change: { run: string; folder: string }, move: () => Promise<T>): Promise<T> {
    const moved = await this.file.change(async (queue) => {
      const job = queue.jobs.find((each) => each.folder === folder);
      if (job) requireRest(job);
      const result = await move();
      if (job) Object.assign(job, change);
      return result;
    });
    await this.refresh();
    return moved;
  }

  /** Says how far the running job is; written now and then. */
  progress(progress: number, secondsLeft: number | null, detail: string): void {
    const job = this.going && this.queue.jobs.find(({ job }) => job === this.going!.job.job);
    if (job) Object.assign(job, { progress: Math.min(1, Math.max(0, progress)), secondsLeft, detail });
  }

  /** The job that is going waits for somebody; it keeps the device. */
  async setPaused(paused: boolean): Promise<void> {
    const id = this.going?.job.job;
    await this.file.change((queue) => {
      const job = queue.jobs.find((each) => each.job === id);
      if (job) job.state = paused ? 'paused' : 'running';
    });
    await this.refresh();
  }

  /** A job that was paused when an earlier process ended: its turn is next. @returns false where there is none */
  async unpause(folder: string): Promise<boolean> {
    const found = await this.file.change((queue) => {
      const job = queue.jobs.find((each) => each.folder === folder && each.state === 'paused' && !isHeld(each));
      if (!job) return false;
      Object.assign(job, { state: 'waiting', holder: null, beat: Date.now() });
      const rest = queue.jobs.filter((each) => each !== job);
      rest.splice(rest.filter((each) => each.state !== 'waiting').length, 0, job);
      queue.jobs = rest;
      return true;
    });
    await this.refresh();
    this.look();
    return found;
  }

  /**
   * Ends what is going: `save` and `discard` as the contract has them; `leave`: saved, and taken up again by the next process.
   */
  async close(mode: 'save' | 'discard' | 'leave'): Promise<void> {
    this.closing = true;
    clearInterval(this.timer);
    await this.looking;
    const { going } = this;
    if (!going) return;
    going.control.stop({ save: mode !== 'discard' });
    await going.finished;
    if (mode === 'discard') return;
    await this.file.change((queue) => {
      const job = queue.jobs.find((each) => each.job === going.job.job);
      if (!job) return;
      // What somebody paused, or had saved, stays so until somebody lets it go on.
      if (job.state === 'paused' || mode === 'save') Object.assign(job, { state: 'paused', holder: null });
      // With the holder gone it is an orphan to the next process.
      else Object.assign(job, { state: 'running', attempts: 0 });
    });
  }

  private async changeWaiting(id: number, change: (queue: StoredQueue, job: StoredJob) => void): Promise<boolean> {
    const found = await this.file.change((queue) => {
      const job = queue.jobs.find((each) => each.job === id);
      if (!job) return false;
      requireRest(job);
      change(queue, job);
      return true;
    });
    await this.refresh();
    this.look();
    return found;
  }

  /** Begins the next job, if its turn has come. */
  look(): void {
    if (this.closing || !this.timer) return;
    this.looking ??= this.lookNow()
      .catch(this.options.defect)
      .finally(() => (this.looking = undefined));
  }

  private async lookNow(): Promise<void> {
    if (Date.now() - this.beatAt > BEAT_MS) await this.beat();
    if ((await this.file.changedAt()) !== this.seenAt) await this.refresh();
    if (this.going || this.closing) return;
    const next = this.queue.jobs.find(({ state, owner }) => state === 'waiting' && owner === 'workbench');
    if (!next || this.queue.held || working(this.queue) || this.options.mayBegin?.() === false) return;
    const begun = await this.file.change((queue) => {
      const job = queue.jobs.find(({ state, owner }) => state === 'waiting' && owner === 'workbench');
      if (!job || !isNext(queue, job.job)) return undefined;
      Object.assign(job, { state: 'running', holder: ownHolder(), beat: Date.now() });
      queue.jobs = [job, ...queue.jobs.filter((each) => each !== job)];
      return { ...job };
    });
    if (!begun) return;
    this.begin(begun);
    await this.refresh();
  }

  private begin(job: StoredJob): void {
    const control = new RunControl(this.options.share);
    const finished = this.carryOut(job, control);
    this.going = { job, control, finished };
  }

  private async carryOut(job: StoredJob, control: RunControl): Promise<void> {
    let outcome: JobOutcome = 'over';
    try {
      outcome = await this.options.carryOut(job, control);
    } catch (error) {
      this.options.defect(error);
    }
    this.going = undefined;
    // The engine ends: what becomes of the job is for `close` to say.
    if (this.closing && control.savesAtEnd && control.signal.aborted) return;
    await this.file
      .change((queue) => {
        const known = queue.jobs.find((each) => each.job === job.job);
        if (outcome === 'again' && known) Object.assign(known, { state: 'waiting', holder: null, beat: Date.now() });
        else queue.jobs = queue.jobs.filter((each) => each !== known);
      })
      .catch((error: unknown) => {
        this.over.add(job.job);
        this.options.defect(error);
      });
    await this.refresh();
    this.look();
  }

  /** Says that this process lives, for its own job and for those that any workbench may begin. */
  private async beat(): Promise<void> {
    this.beatAt = Date.now();
    const { going } = this;
    const known = going && this.queue.jobs.find(({ job }) => job === going.job.job);
    const over = [...this.over];
    await this.file.change((queue) => {
      queue.jobs = queue.jobs.filter(({ job }) => !over.includes(job));
      for (const job of queue.jobs) {
        if (job.owner !== 'workbench' || (job.state !== 'waiting' && !isOurs(job))) continue;
        job.beat = this.beatAt;
        if (known && job.job === known.job) {
          Object.assign(job, { progress: known.progress, secondsLeft: known.secondsLeft, detail: known.detail });
        }
      }
    });
    for (const job of over) this.over.delete(job);
  }

  private async refresh(): Promise<void> {
    const changedAt = await this.file.changedAt();
    const before = new Map(this.queue.jobs.map((job) => [job.job, job]));
    const next = await this.file.read();
    // What this process knows of its own job is newer than what it wrote.
    const own = this.going?.job.job;
    for (const job of next.jobs) {
      const known = job.job === own ? before.get(job.job) : undefined;
      if (known) Object.assign(job, { progress: known.progress, secondsLeft: known.secondsLeft, detail: known.detail });
    }
    this.seenAt = changedAt;
    this.queue = next;
    this.options.changed(next);
  }
}

/** @throws UserError for one that runs, or is the command line's */
function requireRest(job: StoredJob): void {
  if (job.owner === 'command-line') {
    throw new UserError(`${job.run} is trained from the command line: it is stopped there, with Ctrl-C.`);
  }
  if (job.state !== 'waiting' && isHeld(job)) throw new UserError(`${job.run} is going: stop it first.`);
}
