/** The runs of the library at work: the list, the queue, and what is told of the one that is going (`run-carrier.ts`). */
import type { Problem } from '../data';
import { flopsPerPicture } from '../ibot';
import { JobQueue, type LibraryFolders, type Orphan, type StoredJob } from '../jobs';
import type { EngineStatus, Queue, RunSummary } from '../protocol';
import { LOOKING_SHARE, RunEndedError } from '../runs';
import type { HostDevice } from './device-access';
import type { HostContext, RunsAtWork } from './host-context';
import type { LiveRun } from './live-run';
import { RecordedWarnings } from './recorded-warnings';
import { RunCarrier, type CarriersDesk } from './run-carrier';
import type { RunEntry } from './run-entry';
import { RunRegistry } from './run-registry';
import { finite, summaryOf } from './run-summary';
import { QUEUE_WAITS, watchData, watchDisk } from './run-warnings';
import type { SettingsStore } from './settings';
import type { TopicHub } from './topic-hub';
import type { WarningList } from './warning-list';

export interface RunDeskParts {
  library: LibraryFolders;
  settings: SettingsStore;
  warnings: WarningList;
  device: HostDevice;
  hub: TopicHub;
  report: (error: unknown) => void;
  options: { decodeThreads?: number; workerEntry?: URL; kernelCache?: string; lookEvery?: number };
}

/** Milliseconds between looks at the folders, while somebody looks at the list and while nobody does. */
const LOOK_MS = 1000;
const IDLE_LOOK_MS = 5000;
const WATCH_MS = 10_000;

export class RunDesk implements RunsAtWork, CarriersDesk {
  readonly registry: RunRegistry;
  readonly queue: JobQueue;
  readonly recorded: RecordedWarnings;
  readonly carrier: RunCarrier;
  /** Found when the engine began. */
  orphans: (Orphan & { lastStep: number })[] = [];
  private context: HostContext | undefined;
  private readonly timers: NodeJS.Timeout[] = [];
  private lookedAt = 0;
  private ending = false;
  private readonly told = new Map<string, string>();

  constructor(private readonly parts: RunDeskParts) {
    const { library, report, settings, device, options } = parts;
    this.registry = new RunRegistry(library);
    this.recorded = new RecordedWarnings(parts.warnings);
    this.carrier = new RunCarrier(parts, this);
    this.queue = new JobQueue({
      library,
      mayBegin: () => this.carrier.mayBegin(),
      carryOut: (job, control) => this.carrier.carryOut(job, control),
      savedStep: async ({ run }) => (await this.registry.refreshOne(run)).record?.step ?? 0,
      changed: () => this.queueChanged(),
      defect: report,
      share: () => (settings.current.whileLooking === 'pause' ? 1 : LOOKING_SHARE),
      ...(options.lookEvery === undefined ? {} : { lookEvery: options.lookEvery }),
    });
    device.onChange(() => {
      if (device.current) this.queue.look();
      parts.hub.emit('queue', undefined, this.queueValue());
    });
  }

  async open(context: HostContext): Promise<void> {
    this.context = context;
    await this.registry.open();
    const orphans = await this.queue.open();
    this.orphans = orphans.map((orphan) => ({ ...orphan, lastStep: this.registry.find(orphan.job.run)?.step?.step ?? 0 }));
    for (const { job, givenUp } of this.orphans) if (givenUp) this.tellGivenUp(job);
  }

  /** Begins with the queue, and to watch. */
  start(): void {
    this.queue.start();
    this.timers.push(
      setInterval(() => void this.look().catch(this.parts.report), this.parts.options.lookEvery ?? LOOK_MS),
      setInterval(() => void this.watch().catch(this.parts.report), WATCH_MS),
    );
  }

  get live(): LiveRun | undefined {
    return this.carrier.live;
  }

  get running(): { run: string; dataset: string | null } | undefined {
    return this.live && { run: this.live.run, dataset: this.live.dataset };
  }

  get status(): EngineStatus {
    const { device } = this.parts;
    const busy = this.live !== undefined && !(this.queue.going?.control.isPaused ?? false);
    if (this.ending) return { state: 'stopping', message: 'The engine saves and ends.', busy };
    if (device.current) return { state: 'ready', message: null, busy };
    if (device.lost) return { state: 'device-lost', message: 'The graphics device stopped answering and is being opened anew.', busy };
    if (device.problem !== undefined) return { state: 'no-device', message: device.problem, busy };
    return { state: 'starting', message: 'The graphics device is being opened.', busy };
  }

  tellStatus(): void {
    this.parts.hub.emit('engine.status', undefined, this.status);
  }

  endsAt(): number | null {
    return this.queueValue().endsAt;
  }

  usesDataset(dataset: string): boolean {
    if (this.live?.dataset === dataset) return true;
    return this.queue.present.jobs.some(({ folder }) => this.registry.byFolder(folder)?.notes.dataset === dataset);
  }

  folderOf(run: string): string {
    return this.registry.get(run).folder;
  }

  isTaken(name: string): Promise<boolean> {
    return this.registry.isTaken(name);
  }

  summary(entry: RunEntry): RunSummary {
    const job = this.queue.present.jobs.find(({ folder }) => folder === entry.folder);
    const isOurs = this.carrier.isAt(entry.folder, job);
    const isPaused = isOurs && (this.queue.going?.control.isPaused ?? false);
    return summaryOf(entry, { job, isOurs, isPaused, failure: this.carrier.failure(entry.folder), dataset: this.datasetOf(entry) });
  }

  /** Of the datasets that are there: the one it was made from, else the one that reads its folder. */
  datasetOf(entry: RunEntry): { id: string; name: string } | undefined {
    const { datasets } = this.context!;
    for (const id of [entry.notes.dataset, datasets.byFolder(entry.record?.data.root ?? '')]) {
      const name = id == null ? undefined : datasets.nameOf(id);
      if (id != null && name !== undefined) return { id, name };
    }
    return undefined;
  }

  madeFrom(run: string): string | undefined {
    return this.datasetOf(this.registry.get(run))?.id;
  }

  queueValue(): Queue {
    const { jobs, held } = this.queue.present;
    const device = this.parts.device.current;
    const goesOn = !held && device !== undefined;
    let at: number | null = Date.now();
    const shown = jobs.map((job): Queue['jobs'][number] => {
      const { job: id, kind, run, detail, state, owner, progress } = job;
      const secondsLeft = job.secondsLeft ?? this.estimate(job);
      const beginsAt = state === 'waiting' && goesOn ? at : null;
      at = at === null || secondsLeft === null || state === 'paused' ? null : at + secondsLeft * 1000;
      return { job: id, kind, run, detail, state, owner, progress, secondsLeft, beginsAt };
    });
    return { jobs: shown, held, endsAt: jobs.length > 0 && goesOn ? at : null, device: device?.adapter.name ?? null };
  }

  /** Seconds that a run takes that has not begun, or just has: by its own speed before, else by the arithmetic of its shapes. */
  private estimate({ folder }: StoredJob): number | null {
    const entry = this.registry.byFolder(folder);
    const { device } = this.parts;
    if (!entry?.record || !device.current) return null;
    const { recipe, sizes, step } = entry.record;
    const flopsPerSecond = device.speedOf(device.current.adapter)?.flopsPerSecond;
    const arithmetic = flopsPerSecond === undefined ? null : flopsPerSecond / flopsPerPicture(recipe);
    const picturesPerSecond = finite(entry.step?.picturesPerSecond) ?? arithmetic;
    return picturesPerSecond ? Math.max(0, ((sizes.steps - step) * recipe.batch_size) / picturesPerSecond) : null;
  }

  /** Tells those who look at the list what is different about these runs. */
  tell(entries: readonly RunEntry[], gone: readonly string[] = []): void {
    const changed: RunSummary[] = [];
    for (const entry of entries) {
      if (!entry.record) continue;
      this.recorded.take(entry, this.datasetOf(entry)?.id ?? null, this.live?.folder === entry.folder);
      const summary = this.summary(entry);
      const text = JSON.stringify(summary);
      if (this.told.get(entry.name) === text) continue;
      this.told.set(entry.name, text);
      changed.push(summary);
    }
    for (const name of gone) this.told.delete(name);
    if (changed.length + gone.length > 0) this.parts.hub.emit('runs', undefined, { whole: false, runs: changed, gone: [...gone] });
  }

  /** @throws UserError where `save` was wanted and saving failed */
  async close(ending: 'save' | 'discard' | 'leave'): Promise<void> {
    const { going } = this.queue;
    if (ending === 'save' && going && this.live?.hasBegun) {
      await going.control.pause().catch((error: unknown) => {
        if (!(error instanceof RunEndedError)) throw error;
      });
    }
    this.ending = true;
    this.tellStatus();
    for (const timer of this.timers) clearInterval(timer);
    await this.queue.close(ending);
  }

  progress(share: number, secondsLeft: number | null, detail: string): void {
    this.queue.progress(share, secondsLeft, detail);
    this.parts.hub.emit('queue', undefined, this.queueValue());
  }

  picturesOf(dataset: string): string | undefined {
    return this.context!.datasets.folderOf(dataset);
  }

  noteBroken(dataset: string, pictures: readonly Problem[]): void {
    try {
      this.context!.datasets.noteBroken(dataset, pictures);
    } catch (error) {
      // Training goes on whatever becomes of the list.
      this.parts.report(error);
    }
  }

  private tellGivenUp({ run }: StoredJob): void {
    this.parts.warnings.raise({
      code: 'run-given-up',
      severity: 'error',
      title: `${run} ended the program several times at the same place.`,
      message: 'It was not begun again by itself. Look at its log; another driver or another device may help. It can be continued by hand.',
      run,
      actions: [
        { kind: 'show-run', run },
        { kind: 'continue-run', run },
      ],
    });
  }

  private queueChanged(): void {
    if (!this.queue.present.jobs.some(({ state }) => state === 'waiting')) this.parts.warnings.over(QUEUE_WAITS);
    this.parts.hub.emit('queue', undefined, this.queueValue());
    if (this.context) this.tell(this.registry.all);
  }

  private async look(): Promise<void> {
    const isHeard = this.parts.hub.isHeard('runs') || this.live !== undefined;
    if (Date.now() - this.lookedAt < (isHeard ? (this.parts.options.lookEvery ?? LOOK_MS) : IDLE_LOOK_MS)) return;
    this.lookedAt = Date.now();
    const { changed, gone } = await this.registry.refresh();
    for (const run of gone) this.parts.warnings.overForRun(run);
    this.tell(changed, gone);
  }

  private async watch(): Promise<void> {
    const { live } = this;
    const { warnings, options } = this.parts;
    if (!live) return;
    const workers = this.registry.find(live.run)?.record?.recipe.workers || this.parts.settings.state.workers.automatic;
    watchData(live, options.decodeThreads ?? this.carrier.workers ?? workers, warnings);
    if (live.checkpointBytes > 0) await watchDisk(live, warnings);
  }
}
