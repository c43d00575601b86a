/** Threads that decode pictures side by side. What comes out does not depend on how many there are. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { runDecodeJob, type DecodeJob, type DecodeResults } from './decode-job';
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
}

interface Thread {
  readonly worker: Worker;
  task: Task | undefined;
  ready: boolean;
}

export function defaultWorkers(): number {
  return Math.min(8, Math.max(1, availableParallelism() - 1));
}

export class DecodePool {
  private readonly limit: number;
  private readonly entry: URL | undefined;
  private readonly threads = new Set<Thread>();
  private readonly waiting: Task[] = [];
  private nextId = 0;
  private closed = false;

  constructor(options: DecodePoolOptions = {}) {
    this.limit = options.workers ?? defaultWorkers();
    if (this.limit > 0) this.entry = options.workerEntry ?? findWorkerEntry();
  }

  /** @throws PictureError (as a rejection) when the picture cannot be read. */
  run<J extends DecodeJob>(job: J): Promise<DecodeResults[J['kind']]> {
    if (this.closed) return Promise.reject(new Error('The decoding pool is closed.'));
    if (this.limit === 0) return runDecodeJob(job) as Promise<DecodeResults[J['kind']]>;
    return new Promise((resolve, reject) => {
      this.waiting.push({ id: this.nextId++, job, resolve, reject, attempts: 0 });
      this.assign();
    });
  }

  /** Stops the threads. Jobs under way are rejected. */
  async close(): Promise<void> {
    this.closed = true;
    const abandoned = [...this.waiting.splice(0), ...[...this.threads].flatMap(({ task }) => task ?? [])];
    for (const thread of this.threads) thread.task = undefined;
    await Promise.all([...this.threads].map(({ worker }) => worker.terminate()));
    for (const { reject } of abandoned) reject(new Error('The decoding pool was closed.'));
  }

  private assign(): void {
    while (this.waiting.length > 0 && !this.closed) {
      const thread = [...this.threads].find(({ task }) => !task) ?? (this.threads.size < this.limit ? this.start() : undefined);
      if (!thread) return;
      const task = this.waiting.shift()!;
      task.attempts++;
      thread.task = task;
      // An idle thread must not keep the program alive, a busy one must.
      thread.worker.ref();
      const request: WorkerRequest = { id: task.id, job: task.job };
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
    if (reply.kind === 'done') task.resolve(reply.result as never);
    else task.reject(reply.kind === 'failed' ? new PictureError(reply.reason) : new Error(reply.stack));
    this.assign();
  }

  /** A thread ended by itself: its job gets one more try in a fresh thread, then the picture is given up. */
  private lose(thread: Thread, cause: Error | undefined): void {
    this.threads.delete(thread);
    const { task } = thread;
    if (!task || this.closed) return;
    if (!thread.ready) task.reject(cause ?? new Error('The decoding thread did not start.'));
    else if (task.attempts < 2) this.waiting.unshift(task);
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
