/** The datasets as the host keeps them: index, decoding threads, thumbnails, and the tasks that read folders. */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { DecodePool, placeInside } from '../data';
import {
  DatasetIndex,
  isOutdated,
  lastSearch,
  scanDataset,
  searchDuplicates,
  Thumbnails,
  type IndexedDataset,
} from '../data/index/index';
import { makeSample, type SampleKey } from '../data/sample';
import { UserError } from '../errors';
import type { Change } from '../protocol';
import type { HostContext, TaskProgress } from './host-context';
import { HostError, notFound } from './host-error';
import { ENGINE_CLOSES } from './task-list';

interface Going {
  readonly task: number;
  readonly finished: Promise<unknown>;
}

/** Folders are looked for so often, in milliseconds. */
const LOOK_EVERY = 10_000;

export class DatasetShelf {
  readonly pool: DecodePool;
  readonly thumbnails: Thumbnails;
  /** What reads a dataset's files, compares or measures its pictures, by kind and dataset. */
  private readonly going = new Map<string, Going>();
  /** Datasets whose folder was not there at the last look. */
  private readonly gone = new Set<string>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    readonly context: HostContext,
    readonly index: DatasetIndex,
  ) {
    this.pool = new DecodePool({ workers: this.workers, ...(context.workerEntry ? { workerEntry: context.workerEntry } : {}) });
    this.thumbnails = new Thumbnails(join(context.library.cache, 'thumbnails'), this.pool);
    this.timer = setInterval(() => void this.lookForFolders(), LOOK_EVERY);
    this.timer.unref();
  }

  private get workers(): number {
    return this.context.settings.current.workers || Math.max(1, Math.min(4, availableParallelism() - 1));
  }

  /** Before the index is closed: tasks are through by then. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await Promise.allSettled([...this.going.values()].map(({ finished }) => finished));
    await this.pool.close();
    this.index.close();
  }

  /** @throws HostError not-found */
  get(id: string): IndexedDataset {
    const dataset = this.index.get(id, (each) => this.isBusy(each.id));
    if (!dataset) throw notFound('such dataset');
    return dataset;
  }

  /** The picture's place in the row of columns. @throws HostError not-found */
  picture(dataset: IndexedDataset, picture: number): number {
    if (!dataset.has(picture)) throw notFound('such picture');
    return picture;
  }

  private isBusy(dataset: string): boolean {
    return KINDS.some((kind) => this.going.has(`${kind} ${dataset}`));
  }

  /** The task that reads its folder, or draws it. */
  reading(dataset: string): number | null {
    return this.taskOf('index', dataset) ?? this.taskOf('sample', dataset);
  }

  taskOf(kind: (typeof KINDS)[number], dataset: string): number | null {
    return this.going.get(`${kind} ${dataset}`)?.task ?? null;
  }

  isGone(dataset: string): boolean {
    return this.gone.has(dataset);
  }

  /** @throws HostError busy while its folder is being read */
  requireQuiet(dataset: IndexedDataset): void {
    if (this.reading(dataset.id) === null) return;
    throw new HostError('busy', `The folder of ${dataset.record.name} is being read: this can be done when it is through.`);
  }

  /** Begins a task, or gives the one of this kind that is going on. */
  start(
    dataset: IndexedDataset,
    what: { kind: (typeof KINDS)[number]; title: string; unit: string },
    work: (progress: TaskProgress) => Promise<void>,
  ): number {
    const key = `${what.kind} ${dataset.id}`;
    const known = this.going.get(key);
    if (known) return known.task;
    this.pool.resize(this.workers);
    const end = (): void => {
      this.going.delete(key);
      this.tell();
    };
    const started = this.context.tasks.start({ ...what, dataset: dataset.id }, (progress) => work(progress).finally(end));
    this.going.set(key, started);
    this.tell();
    return started.task;
  }

  /** Set by the area: tells the list of datasets. */
  tell: () => void = () => undefined;

  /** Reads the folder, and compares its pictures anew where that was done before. */
  scan(dataset: IndexedDataset): number {
    const what = { kind: 'index', title: `Reading ${dataset.record.name}`, unit: 'pictures' } as const;
    return this.start(dataset, what, async ({ signal, report }) => {
      await scanDataset(dataset, {
        ...{ pool: this.pool, thumbnails: this.thumbnails, signal, report },
        goesOnLater: () => signal.reason === ENGINE_CLOSES,
      });
      this.tellOfLabels(dataset);
      const search = lastSearch(dataset);
      if (search && isOutdated(dataset, search) && !signal.aborted) this.findDuplicates(dataset);
    });
  }

  /** After a scan, or when labels were read: whether they could be. */
  tellOfLabels({ id, record }: IndexedDataset): void {
    const { warnings } = this.context;
    if (record.message === null) return warnings.over('labels-unread', { dataset: id });
    warnings.raise({
      ...{ code: 'labels-unread', severity: 'warning', dataset: id },
      title: `The labels of ${record.name} could not be read again.`,
      message: record.message,
    });
  }

  /** Draws sample pictures into the dataset's folder, then reads it. */
  drawSample(dataset: IndexedDataset): number {
    const { count, seed } = dataset.record.sample!;
    const what = { kind: 'sample', title: `Drawing ${dataset.record.name}`, unit: 'pictures' } as const;
    return this.start(dataset, what, async ({ signal, report }) => {
      try {
        const draw = (key: SampleKey, size: number): Promise<Uint8Array<ArrayBuffer>> => this.pool.run({ kind: 'sample', key, size });
        await makeSample({ folder: dataset.record.folder, count, seed, signal, onProgress: report, draw });
      } catch (error) {
        // An empty folder stays, so that it can be gone on with.
        await mkdir(dataset.record.folder, { recursive: true }).catch(() => undefined);
        const message = error instanceof UserError ? error.message : null;
        const going = signal.reason === ENGINE_CLOSES;
        Object.assign(dataset.record, { going, state: message ? 'failed' : 'partial', message });
        dataset.saveRecord();
        throw error;
      }
      this.scan(dataset);
    });
  }

  /** Goes on with what was going on when the program ended, or draws what is still to be drawn. */
  async goOn(dataset: IndexedDataset): Promise<number> {
    const isToDraw = dataset.record.sample && (await readdir(dataset.record.folder).catch(() => [''])).length === 0;
    return isToDraw ? this.drawSample(dataset) : this.scan(dataset);
  }

  /** Looks for duplicates. */
  findDuplicates(dataset: IndexedDataset): number {
    const what = { kind: 'duplicates', title: `Comparing ${dataset.record.name}`, unit: 'pictures' } as const;
    return this.start(dataset, what, (progress) => searchDuplicates(dataset, progress));
  }

  /** Ends its tasks and forgets it. */
  async remove(dataset: IndexedDataset): Promise<void> {
    for (const kind of KINDS) {
      const going = this.going.get(`${kind} ${dataset.id}`);
      if (!going) continue;
      this.context.tasks.cancel(going.task);
      await going.finished;
    }
    this.index.remove(dataset);
    this.gone.delete(dataset.id);
    for (const code of ['dataset-gone', 'labels-unread']) this.context.warnings.over(code, { dataset: dataset.id });
    await this.thumbnails.forget(dataset.id);
  }

  /** Where a picture's file is, with links resolved. @throws HostError not-found: gone, or outside the dataset's folder */
  async file(dataset: IndexedDataset, picture: number): Promise<string> {
    const path = dataset.paths.one(this.picture(dataset, picture));
    const place = path === undefined ? undefined : await placeInside(dataset.record.folder, path);
    if (place === undefined) throw notFound('such picture');
    return place;
  }

  /** Notices folders that went away or came back. */
  async lookForFolders(): Promise<void> {
    const { warnings } = this.context;
    let isOther = false;
    for (const dataset of this.index.list) {
      const { id, record } = dataset;
      const isThere = await stat(record.folder).then(
        (info) => info.isDirectory(),
        () => false,
      );
      if (isThere === !this.gone.has(id) || !this.index.has(id)) continue;
      isOther = true;
      if (isThere) {
        this.gone.delete(id);
        warnings.over('dataset-gone', { dataset: id });
        continue;
      }
      this.gone.add(id);
      warnings.raise({
        ...{ code: 'dataset-gone', severity: 'warning', dataset: id },
        title: `The folder of ${record.name} is gone.`,
        message: `${record.folder} is not there. Connect its disk or put the folder back; if it was moved, say where it is now.`,
      });
    }
    if (isOther) this.tell();
  }
}

/** Kinds of tasks on datasets. */
const KINDS = ['index', 'sample', 'duplicates', 'statistics'] as const;

/** An edit's result as the contract has it. */
export const changeOf = (dataset: IndexedDataset, { changed, undo }: { changed: number; undo: number }): Change => ({
  revision: dataset.record.revision,
  changed,
  undo,
});
