/** Carries out the run whose turn has come: none begins before the device is there, and one that lost it goes on when it is back. */
import type { Problem } from '../data';
import { UserError } from '../errors';
import { GpuLostError } from '../gpu';
import { modelTitle } from '../ibot';
import type { JobOutcome, StoredJob } from '../jobs';
import { resumeTraining, type RunControl, type RunEvent } from '../runs';
import { VERSION } from '../version';
import { LiveRun } from './live-run';
import type { RunDeskParts } from './run-desk';
import type { RunEntry } from './run-entry';
import type { RunRegistry } from './run-registry';
import { failureOf, queueWaits, QUEUE_WAITS, warningOf } from './run-warnings';

/** What the desk does for the run that is carried out. */
export interface CarriersDesk {
  readonly registry: RunRegistry;
  datasetOf(entry: RunEntry): { id: string; name: string } | undefined;
  tell(entries: readonly RunEntry[]): void;
  tellStatus(): void;
  progress(share: number, secondsLeft: number | null, detail: string): void;
  /** Where a dataset's pictures are now. */
  picturesOf(dataset: string): string | undefined;
  /** Pictures of a dataset that could not be read. */
  noteBroken(dataset: string, pictures: readonly Problem[]): void;
}

/** So often a run may lose the device at the same checkpoint before it counts as the reason. */
const MOST_LOSSES = 3;

export class RunCarrier {
  live: LiveRun | undefined;
  /** Threads as they were set for the run that is going (`runs.adjust`). */
  workers: number | undefined;
  private losses = { run: '', step: -1, count: 0 };
  /** Folder of the run that lost the device, until it goes on: its record says that it failed. */
  private lost: string | undefined;
  /** Why runs ended in this process, by folder: their records may not say, as a full disk took no more. */
  private readonly failures = new Map<string, string>();
  private readonly listeners = new Set<(run: string, event: RunEvent) => void>();

  constructor(
    private readonly parts: RunDeskParts,
    private readonly desk: CarriersDesk,
  ) {
    const { device, warnings } = parts;
    device.onChange(() => {
      if (device.current) warnings.over(QUEUE_WAITS);
    });
  }

  /** What the run that is going tells. */
  onEvent(listener: (run: string, event: RunEvent) => void): void {
    this.listeners.add(listener);
  }

  /** Whether the next run may begin. Where it may not, the device is looked for until it is there, and the queue waits. */
  mayBegin(): boolean {
    const { device, warnings } = this.parts;
    if (device.current) return true;
    device.seek();
    // Of a loss another warning tells.
    if (!device.lost && device.problem !== undefined) warnings.raise(queueWaits(device.problem));
    return false;
  }

  /** Whether this process is at it, also where it lost the device and is about to be put back into the queue. */
  isAt(folder: string, job: StoredJob | undefined): boolean {
    return this.live?.folder === folder || (this.lost === folder && job?.state === 'running');
  }

  failure(folder: string): string | undefined {
    return this.failures.get(folder);
  }

  async carryOut(job: StoredJob, control: RunControl): Promise<JobOutcome> {
    const { desk } = this;
    const { device, options, warnings } = this.parts;
    const gpu = device.current?.gpu;
    // Lost since it was asked for, or another one was chosen.
    if (!gpu) return 'again';
    const entry = await desk.registry.refreshOne(job.run);
    const dataset = desk.datasetOf(entry)?.id ?? null;
    const picturesNow = dataset === null ? undefined : desk.picturesOf(dataset);
    const live = new LiveRun(job.run, job.folder, dataset);
    this.live = live;
    this.lost = undefined;
    this.failures.delete(job.folder);
    warnings.overForRun(job.run);
    desk.tell([entry]);
    desk.tellStatus();
    try {
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
      if (this.goesOn(error, live, control)) {
        this.lost = job.folder;
        // Nothing begins on it any more once the device's own parts know.
        await gpu.lost;
        return 'again';
      }
      this.failed(job, live, error);
      return 'over';
    } finally {
      device.betweenSteps = undefined;
      this.live = undefined;
      this.workers = undefined;
      device.applyChoice();
      await control.end();
      desk.tell([await desk.registry.refreshOne(job.run)]);
      desk.tellStatus();
    }
  }

  private take(live: LiveRun, entry: RunEntry, event: RunEvent): void {
    live.take(event);
    const { desk } = this;
    const { warnings } = this.parts;
    const { recipe, sizes } = entry.record!;
    if (event.event === 'warning') warnings.raise(warningOf(event, live.run, live.dataset));
    if (event.event === 'bad-pictures' && live.dataset !== null) desk.noteBroken(live.dataset, event.pictures);
    if (event.event === 'step') {
      const epochs = Math.ceil(sizes.steps / sizes.stepsPerEpoch);
      const pictures = desk.datasetOf(entry)?.name ?? entry.notes.datasetName ?? 'a folder';
      const detail = `${modelTitle(recipe)} on ${pictures}, epoch ${event.epoch} of ${epochs}`;
      desk.progress(event.step / sizes.steps, live.secondsLeft(sizes.steps), detail);
    }
    for (const listener of this.listeners) listener(live.run, event);
  }

  /** A lost device comes back, and the run goes on then; not where it is lost at the same place again and again. */
  private goesOn(error: unknown, { run, savedStep }: LiveRun, control: RunControl): boolean {
    if (!(error instanceof GpuLostError) || control.signal.aborted) return false;
    const step = savedStep ?? 0;
    const count = this.losses.run === run && this.losses.step === step ? this.losses.count + 1 : 1;
    this.losses = { run, step, count };
    return count < MOST_LOSSES;
  }

  private failed(job: StoredJob, { savedStep }: LiveRun, error: unknown): void {
    const { warnings, report } = this.parts;
    if (!(error instanceof UserError)) report(error);
    this.failures.set(job.folder, error instanceof Error ? error.message : String(error));
    warnings.raise(failureOf(error, job.run, savedStep !== null));
  }
}
