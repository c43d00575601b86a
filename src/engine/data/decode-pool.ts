/**
 * Threads that decode pictures side by side. What comes out does not depend on how many there are. Pictures that take
 * much memory are decoded one at a time, beside small ones.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { LargePicture } from './decode';
import { runDecodeJob, type DecodeJob, type DecodeResult, type DecodeResults } from './decode-job';
import type { WorkerReply, WorkerRequest } from './decode-worker';
import { PictureError } from './problems';

export interface DecodePoolOptions {
  /** Threads; 0 decodes in the calling thread. Default: one less than the processor has, at most 8. */
  readonly workers?: number;
  /** The built decode-worker; by default beside this program's own file, or in the repository's `out/engine`. */
  readonly workerEntry?: URL;
}

interface Task {
  readonly id: number;
  readonly job: DecodeJob;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  attempts: number;
  /** Found to be large. */
  readonly isLarge: boolean;
}

interface Thread {
  readonly worker: Worker;
  task: Task | undefined;
  ready: boolean;
}

function defaultWorkers(): number {
  return Math.min(8, Math.max(1, availableParallelism() - 1));
}

export class DecodePool {
  private limit: number;
  private readonly entry: URL | undefined;
  private readonly threads = new Set<Thread>();
  private readonly waiting: Task[] = [];
  /** Large pictures, which wait for each other. */
  private readonly large: Task[] = [];
  /** Without threads: settled when the last large picture is done. */
  private lastLarge: Promise<unknown> = Promise.resolve();
  private nextId = 0;
  private closed = false;

  constructor(options: DecodePoolOptions = {}) {
    this.limit = options.workers ?? defaultWorkers();
    if (this.limit > 0) this.entry = options.workerEntry ?? findWorkerEntry();
  }

  /**
   * @param first before everything that waits: somebody looks at it.
   * @throws PictureError (as a rejection) when the picture cannot be read.
   */
  run<J extends DecodeJob>(job: J, { first = false } = {}): Promise<DecodeResults[J['kind']]> {
    if (this.closed) return Promise.reject(new Error('The decoding pool is closed.'));
    if (this.limit === 0) return this.runHere(job) as Promise<DecodeResults[J['kind']]>;
    return new Promise((resolve, reject) => {
      const task: Task = { id: this.nextId++, job, resolve, reject, attempts: 0, isLarge: false };
      if (first) this.waiting.unshift(task);
      else this.waiting.push(task);
      this.assign();
    });
  }

  /** Other many threads from now on, at least one; those too many end after the picture that they are at. */
  resize(workers: number): void {
    // One that decodes in the calling thread has no worker to start.
    if (this.limit === 0) return;
    this.limit = Math.max(1, workers);
    for (const thread of this.threads) if (!thread.task) this.retire(thread);
    this.assign();
  }

  private retire(thread: Thread): void {
    if (this.threads.size <= this.limit) return;
    this.threads.delete(thread);
    void thread.worker.terminate();
  }

  /** Stops the threads. Jobs under way are rejected. */
  async close(): Promise<void> {
    this.closed = true;
    const underWay = [...this.threads].flatMap(({ task }) => task ?? []);
    const abandoned = [...this.waiting.splice(0), ...this.large.splice(0), ...underWay];
    for (const thread of this.threads) thread.task = undefined;
    await Promise.all([...this.threads].map(({ worker }) => worker.terminate()));
    for (const { reject } of abandoned) reject(new Error('The decoding pool was closed.'));
  }

  private async runHere(job: DecodeJob): Promise<DecodeResult> {
    try {
      return await runDecodeJob(job, false);
    } catch (error) {
      if (!(error instanceof LargePicture)) throw error;
      const result = this.lastLarge.then(() => runDecodeJob(job, true));
      this.lastLarge = result.catch(() => undefined);
      return result;
    }
  }

  /** Where the next job comes from; undefined when none may start. */
  private get queue(): Task[] | undefined {
    const isFree = ![...this.threads].some(({ task }) => task?.isLarge);
    return [...(isFree ? [this.large] : []), this.waiting].find(({ length }) => length > 0);
  }

  private assign(): void {
    for (let queue = this.queue; queue && !this.closed; queue = this.queue) {
      const thread = [...this.threads].find(({ task }) => !task) ?? (this.threads.size < this.limit ? this.start() : undefined);
      if (!thread) return;
      const task = queue.shift()!;
      task.attempts++;
      thread.task = task;
      // An idle thread must not keep the program alive, a busy one must.
      thread.worker.ref();
      const request: WorkerRequest = { id: task.id, job: task.job, isAlone: task.isLarge };
      thread.worker.postMessage(request);
    }
  }

  private start(): Thread {
    const thread: Thread = { worker: new Worker(this.entry!), task: undefined, ready: false };
    this.threads.add(thread);
    let cause: Error | undefined;
    thread.worker.on('message', (reply: WorkerReply) => this.receive(thread, reply));
    thread.worker.on('error', (error) => (cause = error instanceof Error ? error : new Error(String(error))));
    thread.worker.on('exit', () => this.lose(thread, cause));
    return thread;
  }

  private receive(thread: Thread, reply: WorkerReply): void {
    if (reply.kind === 'ready') {
      thread.ready = true;
      return;
    }
    const { task } = thread;
    if (task?.id !== reply.id) return;
    thread.task = undefined;
    thread.worker.unref();
    this.retire(thread);
    if (reply.kind === 'large') this.large.push({ ...task, attempts: 0, isLarge: true });
    else if (reply.kind === 'done') task.resolve(reply.result as never);
    else task.reject(reply.kind === 'failed' ? new PictureError(reply.reason) : new Error(reply.stack));
    this.assign();
  }

  /** A thread ended by itself: its job gets one more try in a fresh thread, then the picture is given up. */
  private lose(thread: Thread, cause: Error | undefined): void {
    this.threads.delete(thread);
    const { task } = thread;
    if (!task || this.closed) return;
    if (!thread.ready) task.reject(cause ?? new Error('The decoding thread did not start.'));
    else if (task.attempts < 2) (task.isLarge ? this.large : this.waiting).unshift(task);
    else task.reject(new PictureError('the decoder stopped while reading it'));
    this.assign();
  }
}

/** Bundled, the worker lies beside the program; run from source, it is in the repository's `out/engine` once built. */
function findWorkerEntry(): URL {
  const places = ['./decode-worker.js', '../../../out/engine/decode-worker.js'].map((path) => new URL(path, import.meta.url));
  const found = places.find((place) => existsSync(place));
  if (!found) throw new Error('The decoding worker is not built: build the engine first, or use 0 workers.');
  return found;
}
