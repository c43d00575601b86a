import { UserError } from '../errors';
import type { Task } from '../protocol';
import type { NewTask, TaskProgress, Tasks } from './host-context';
import { notFound } from './host-error';

/** How long a task that ended well stays in the list, in milliseconds. */
const STAYS = 10_000;
/** Why tasks are broken off when the engine ends: those that can go on do so when it starts again. */
export const ENGINE_CLOSES = 'the engine ends';

interface Entry {
  task: Task;
  controller: AbortController;
  startedAt: number;
}

/** Work in the background. */
export class TaskList implements Tasks {
  private readonly entries = new Map<number, Entry>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly working = new Set<Promise<unknown>>();
  private next = 1;

  /** @param defect hears of errors that are nobody's fault but ours */
  constructor(
    private readonly changed: () => void,
    private readonly defect: (error: unknown) => void,
  ) {}

  get list(): readonly Task[] {
    return [...this.entries.values()].map(({ task }) => task);
  }

  start(
    { kind, title, unit, dataset, run, total, cancellable = true }: NewTask,
    work: (progress: TaskProgress) => Promise<void>,
  ): { task: number; finished: Promise<Task['state']> } {
    const id = this.next++;
    const controller = new AbortController();
    const about = { dataset: dataset ?? null, run: run ?? null };
    const progress = { state: 'running', done: 0, total: total ?? null, secondsLeft: null, message: null } as const;
    const entry: Entry = {
      task: { task: id, kind, title, unit, cancellable, ...about, ...progress },
      controller,
      startedAt: performance.now(),
    };
    this.entries.set(id, entry);
    this.changed();
    const finished = this.carryOut(entry, work);
    this.working.add(finished);
    void finished.then(() => this.working.delete(finished));
    return { task: id, finished };
  }

  cancel(task: number): void {
    const entry = this.entries.get(task);
    if (!entry) throw notFound('such task');
    if (entry.task.state === 'failed') this.remove(task);
    else entry.controller.abort();
  }

  /** Failed tasks that were shown leave the list. */
  see(): void {
    for (const [id, { task }] of this.entries) if (task.state === 'failed') this.remove(id);
  }

  /** Ends all and waits for them. */
  async close(): Promise<void> {
    for (const { controller } of this.entries.values()) controller.abort(ENGINE_CLOSES);
    await Promise.all(this.working);
    for (const timer of this.timers) clearTimeout(timer);
  }

  private async carryOut(entry: Entry, work: (progress: TaskProgress) => Promise<void>): Promise<Task['state']> {
    const { controller } = entry;
    let end: Pick<Task, 'state' | 'message'> = { state: 'done', message: null };
    try {
      await work({ signal: controller.signal, report: (done, total) => this.report(entry, done, total) });
      if (controller.signal.aborted) end = { state: 'cancelled', message: null };
    } catch (error) {
      if (controller.signal.aborted && !(error instanceof UserError)) end = { state: 'cancelled', message: null };
      else {
        const said = error instanceof Error ? error.message : String(error);
        end = { state: 'failed', message: error instanceof UserError ? said : `Something unexpected happened: ${said}` };
        if (!(error instanceof UserError)) this.defect(error);
      }
    }
    entry.task = { ...entry.task, ...end, secondsLeft: null, cancellable: false };
    this.changed();
    if (end.state !== 'failed') {
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        this.remove(entry.task.task);
      }, STAYS);
      timer.unref();
      this.timers.add(timer);
    }
    return end.state;
  }

  private report(entry: Entry, done: number, total: number | null = entry.task.total): void {
    const seconds = (performance.now() - entry.startedAt) / 1000;
    const share = total === null || total === 0 ? 0 : done / total;
    const secondsLeft = share > 0.01 && seconds > 1 ? Math.max(0, seconds / share - seconds) : null;
    entry.task = { ...entry.task, done, total, secondsLeft };
    this.changed();
  }

  private remove(task: number): void {
    if (this.entries.delete(task)) this.changed();
  }
}
