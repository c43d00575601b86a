/**
 * What the same process may ask of a run that is going: to wait, to save, to end, to let short work in. All of it happens
 * between steps, so none of it changes what is computed.
 */

export interface Saved {
  step: number;
  bytes: number;
  /** That saving took. */
  seconds: number;
}

/** What the training loop offers between two steps. */
export interface Boundary {
  /** Writes a checkpoint of this moment; tells of the one that is there where it has been written. */
  save(): Promise<Saved>;
}

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Of the time, what short work may take while a run is going. */
export const LOOKING_SHARE = 0.1;

export class RunControl {
  private readonly stopping = new AbortController();
  private interruption = new AbortController();
  private withSaving = true;
  private wantsPause = false;
  private paused = false;
  private stepping = false;
  private readonly pausing: Waiting<Saved>[] = [];
  private readonly saving: Waiting<Saved>[] = [];
  private readonly looking: (() => Promise<void>)[] = [];
  private wake: (() => void) | undefined;
  /** Before it no short work begins, in milliseconds of `performance.now()`. */
  private lookAgainAt = 0;
  private hasEnded = false;
  private resizePool: ((workers: number) => void) | undefined;

  /** @param share of the time that short work may take; 1: the run waits while somebody looks */
  constructor(private readonly share: () => number = () => LOOKING_SHARE) {}

  /** Ends the run after its step. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  /** Ends what is measured, so that the run comes to a boundary: for stopping and for pausing. */
  get interrupted(): AbortSignal {
    return this.interruption.signal;
  }

  get savesAtEnd(): boolean {
    return this.withSaving;
  }

  get isPaused(): boolean {
    return this.paused;
  }

  /** What waits for the run's next boundary. */
  get asked(): 'pause' | 'stop' | null {
    if (this.signal.aborted) return this.hasEnded ? null : 'stop';
    return this.wantsPause && !this.paused ? 'pause' : null;
  }

  /** Finishes the step and ends the run; without saving the checkpoints that are there stay. */
  stop({ save }: { save: boolean }): void {
    this.withSaving = save;
    this.stopping.abort();
    this.interruption.abort();
    this.wake?.();
  }

  /** Resolves when the run has saved and waits. */
  pause(): Promise<Saved> {
    this.wantsPause = true;
    this.interruption.abort();
    return this.request(this.pausing);
  }

  resume(): void {
    this.wantsPause = false;
    if (!this.signal.aborted) this.interruption = new AbortController();
    this.wake?.();
  }

  /** Saves at the next boundary, and goes on. */
  save(): Promise<Saved> {
    return this.request(this.saving);
  }

  /** Short work between two steps, for its share of the time; at once while none are being taken. */
  between<T>(work: () => Promise<T>): Promise<T> {
    if (!this.stepping) return work();
    return new Promise((resolve, reject) => {
      this.looking.push(() => work().then(resolve, reject));
    });
  }

  /** Threads that read pictures; the result does not depend on how many. @returns false before there are any */
  setWorkers(workers: number): boolean {
    this.resizePool?.(workers);
    return this.resizePool !== undefined;
  }

  /** Called by the run once it reads pictures. */
  attach(resizePool: (workers: number) => void): void {
    this.resizePool = resizePool;
  }

  /** Called by the run between two steps, and after what it measured. */
  async atBoundary(boundary: Boundary): Promise<void> {
    this.stepping = true;
    await this.look();
    await serve(this.saving, () => boundary.save());
    await this.waitWhilePaused(boundary);
  }

  /**
   * Called by the run between two pieces of its preparation: waits there while a pause is wanted.
   * @param saved where the run goes on from anyway: nothing has been computed since
   * @throws the signal's reason once the run is to end
   */
  async whilePreparing(saved: Saved): Promise<void> {
    this.signal.throwIfAborted();
    await this.waitWhilePaused({ save: () => Promise.resolve(saved) });
    this.stepping = false;
    this.signal.throwIfAborted();
  }

  private async waitWhilePaused(boundary: Boundary): Promise<void> {
    if (!this.wantsPause || this.signal.aborted) return;
    const saveAndWait = async (): Promise<Saved> => {
      const saved = await boundary.save();
      this.paused = true;
      return saved;
    };
    if (!(await serve(this.pausing, saveAndWait))) {
      // Those who asked were told why; it goes on.
      this.resume();
      return;
    }
    this.stepping = false;
    await this.lookAtAll();
    while (this.wantsPause && !this.signal.aborted) {
      await serve(this.pausing, () => boundary.save());
      await serve(this.saving, () => boundary.save());
      // Somebody may have come in meanwhile; from here to the waiting nobody can.
      if (!this.wantsPause || this.signal.aborted || this.pausing.length + this.saving.length > 0) continue;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    this.paused = false;
    this.stepping = true;
  }

  /** Called by the run while it does something else than steps: short work need not wait then. */
  async leaveSteps(): Promise<void> {
    this.stepping = false;
    await this.lookAtAll();
  }

  /** Called when the run is over: what was asked and not done is told so. */
  async end(): Promise<void> {
    this.hasEnded = true;
    this.resizePool = undefined;
    await this.leaveSteps();
    for (const waiting of [this.pausing, this.saving]) {
      for (const { reject } of waiting.splice(0)) reject(new RunEndedError());
    }
  }

  private request(queue: Waiting<Saved>[]): Promise<Saved> {
    if (this.hasEnded) return Promise.reject(new RunEndedError());
    return new Promise((resolve, reject) => {
      queue.push({ resolve, reject });
      this.wake?.();
    });
  }

  private async look(): Promise<void> {
    const share = this.share();
    while (this.looking.length > 0 && (share >= 1 || performance.now() >= this.lookAgainAt)) {
      const start = performance.now();
      await this.looking.shift()!();
      const end = performance.now();
      this.lookAgainAt = end + (end - start) * (1 / share - 1);
    }
  }

  private async lookAtAll(): Promise<void> {
    for (let work = this.looking.shift(); work; work = this.looking.shift()) await work();
  }
}

/** A request came too late: the run has ended. */
export class RunEndedError extends Error {
  constructor() {
    super('The run has ended.');
    this.name = 'RunEndedError';
  }
}

/** @returns false where it failed, which those who wait are told */
async function serve(waiting: Waiting<Saved>[], save: () => Promise<Saved>): Promise<boolean> {
  const those = waiting.splice(0);
  if (those.length === 0) return true;
  try {
    const saved = await save();
    for (const { resolve } of those) resolve(saved);
    return true;
  } catch (error) {
    for (const { reject } of those) reject(error);
    return false;
  }
}
