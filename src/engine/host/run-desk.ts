/** The runs of the library at work: the list, the queue, and the one that is going in this process. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem } from '../data';
import { UserError } from '../errors';
import { GpuLostError } from '../gpu';
import { flopsPerPicture, modelTitle } from '../ibot';
import { JobQueue, type JobOutcome, type LibraryFolders, type Orphan, type StoredJob } from '../jobs';
import type { EngineStatus, Queue, RunSummary } from '../protocol';
import { LOOKING_SHARE, resumeTraining, RunEndedError, type RunControl, type RunEvent } from '../runs';
import { VERSION } from '../version';
import type { HostDevice } from './device-access';
import type { HostContext, RunsAtWork } from './host-context';
import { LiveRun } from './live-run';
import { RecordedWarnings } from './recorded-warnings';
import type { RunEntry } from './run-entry';
import { RunRegistry } from './run-registry';
import { finite, summaryOf } from './run-summary';
import { failureOf, warningOf, watchData, watchDisk } from './run-warnings';
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
const MOST_LOSSES = 3;
/** Before a run tries a lost device again. */
const LOSS_WAIT_MS = 1000;

export class RunDesk implements RunsAtWork {
  readonly registry: RunRegistry;
  readonly queue: JobQueue;
  readonly recorded: RecordedWarnings;
  live: LiveRun | undefined;
  /** Found when the engine began. */
  orphans: (Orphan & { lastStep: number })[] = [];
  private context: HostContext | undefined;
  private readonly listeners = new Set<(run: string, event: RunEvent) => void>();
  private readonly timers: NodeJS.Timeout[] = [];
  private lookedAt = 0;
  private losses = { run: '', step: -1, count: 0 };
  /** Folder of the run that lost its device, until it goes on: its record says that it failed. */
  private goesOnAgain: string | undefined;
  private ending = false;
  private readonly told = new Map<string, string>();
  /** Why runs ended in this process, by folder: their records may not say, as a full disk took no more. */
  private readonly failures = new Map<string, string>();

  constructor(private readonly parts: RunDeskParts) {
    const { library, report, settings, options } = parts;
    this.registry = new RunRegistry(library);
    this.recorded = new RecordedWarnings(parts.warnings);
    this.queue = new JobQueue({
      library,
      carryOut: (job, control) => this.carryOut(job, control),
      savedStep: async ({ run }) => (await this.registry.refreshOne(run)).record?.step ?? 0,
      changed: () => this.queueChanged(),
      defect: report,
      share: () => (settings.current.whileLooking === 'pause' ? 1 : LOOKING_SHARE),
      ...(options.lookEvery === undefined ? {} : { lookEvery: options.lookEvery }),
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

  /** What the run that is going tells, and other runs of this process. */
  onEvent(listener: (run: string, event: RunEvent) => void): void {
    this.listeners.add(listener);
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
    const isOurs = this.live?.folder === entry.folder || (job?.state === 'running' && this.goesOnAgain === entry.folder);
    const isPaused = isOurs && (this.queue.going?.control.isPaused ?? false);
    return summaryOf(entry, { job, isOurs, isPaused, failure: this.failures.get(entry.folder), dataset: this.datasetOf(entry) });
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
    let at: number | null = Date.now();
    const shown = jobs.map((job): Queue['jobs'][number] => {
      const { job: id, kind, run, detail, state, owner, progress } = job;
      const secondsLeft = job.secondsLeft ?? this.estimate(job);
      const beginsAt = state === 'waiting' && !held ? at : null;
      at = at === null || secondsLeft === null || state === 'paused' ? null : at + secondsLeft * 1000;
      return { job: id, kind, run, detail, state, owner, progress, secondsLeft, beginsAt };
    });
    return { jobs: shown, held, endsAt: jobs.length > 0 && !held ? at : null, device: this.parts.device.current?.adapter.name ?? null };
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

  private async carryOut(job: StoredJob, control: RunControl): Promise<JobOutcome> {
    const { device, options, warnings } = this.parts;
    const entry = await this.registry.refreshOne(job.run);
    const dataset = this.datasetOf(entry)?.id ?? null;
    const picturesNow = dataset === null ? undefined : this.context!.datasets.folderOf(dataset);
    const live = new LiveRun(job.run, job.folder, dataset);
    this.live = live;
    this.goesOnAgain = undefined;
    this.failures.delete(job.folder);
    warnings.overForRun(job.run);
    this.tell([entry]);
    this.tellStatus();
    try {
      const gpu = await device.open();
      device.betweenSteps = (work) => control.between(work);
      await resumeTraining({
        folder: job.folder,
        gpu,
        control,
        panels: true,
        version: VERSION,
        ...(picturesNow === undefined ? {} : { picturesNow }),
        onEvent: (event) => this.take(live, entry, event),
        ...(options.kernelCache === undefined ? {} : { kernelCache: options.kernelCache }),
        ...(options.decodeThreads === undefined ? {} : { decodeThreads: options.decodeThreads }),
        ...(options.workerEntry === undefined ? {} : { workerEntry: options.workerEntry }),
      });
      return 'over';
    } catch (error) {
      if (!this.wasLost(job, live, error)) {
        this.failed(job, live, error);
        return 'over';
      }
      this.goesOnAgain = job.folder;
      live.stage = 'waiting';
      device.betweenSteps = undefined;
      await sleep(LOSS_WAIT_MS, undefined, { signal: control.signal }).catch(() => undefined);
      return control.signal.aborted ? 'over' : 'again';
    } finally {
      device.betweenSteps = undefined;
      this.live = undefined;
      this.workers = undefined;
      device.applyChoice();
      await control.end();
      this.tell([await this.registry.refreshOne(job.run)]);
      this.tellStatus();
    }
  }

  private take(live: LiveRun, entry: RunEntry, event: RunEvent): void {
    live.take(event);
    const { warnings } = this.parts;
    const { recipe, sizes } = entry.record!;
    if (event.event === 'warning') warnings.raise(warningOf(event, live.run, live.dataset));
    if (event.event === 'bad-pictures') this.noteBroken(live, event.pictures);
    if (event.event === 'step') {
      const epochs = Math.ceil(sizes.steps / sizes.stepsPerEpoch);
      const detail = `${modelTitle(recipe)} on ${this.summaryName(entry)}, epoch ${event.epoch} of ${epochs}`;
      this.queue.progress(event.step / sizes.steps, live.secondsLeft(sizes.steps), detail);
      this.parts.hub.emit('queue', undefined, this.queueValue());
    }
    for (const listener of this.listeners) listener(live.run, event);
  }

  private noteBroken({ dataset }: LiveRun, pictures: readonly Problem[]): void {
    if (dataset === null) return;
    try {
      this.context!.datasets.noteBroken(dataset, pictures);
    } catch (error) {
      // Training goes on whatever becomes of the list.
      this.parts.report(error);
    }
  }

  private summaryName(entry: RunEntry): string {
    return this.datasetOf(entry)?.name ?? entry.notes.datasetName ?? 'a folder';
  }

  /** A lost device comes back, and the run goes on then; not where it is lost at the same place again and again. */
  private wasLost({ run }: StoredJob, { savedStep }: LiveRun, error: unknown): boolean {
    if (!(error instanceof GpuLostError) || this.ending) return false;
    const step = savedStep ?? 0;
    const count = this.losses.run === run && this.losses.step === step ? this.losses.count + 1 : 1;
    this.losses = { run, step, count };
    return count < MOST_LOSSES;
  }

  private failed(job: StoredJob, live: LiveRun, error: unknown): void {
    const { warnings, report } = this.parts;
    if (!(error instanceof UserError)) report(error);
    this.failures.set(job.folder, error instanceof Error ? error.message : String(error));
    warnings.raise(failureOf(error, job.run, live.savedStep !== null));
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
    watchData(live, options.decodeThreads ?? this.workers ?? workers, warnings);
    if (live.checkpointBytes > 0) await watchDisk(live, warnings);
  }

  /** Threads as they were set for the run that is going (`runs.adjust`). */
  workers: number | undefined;
}
