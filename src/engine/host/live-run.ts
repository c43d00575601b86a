/** A run that this process carries out: where it stands, from its events. */
import type { RunProgress } from '../protocol';
import type { RunEvent, StepEvent } from '../runs';
import { finite } from './run-summary';

const PREPARING = { tuning: 'Choosing kernels', kernels: 'Making kernels', evaluation: 'Measuring' } as const;

/** Steps over which waiting for pictures is told, at most, and the seconds that they must span. */
const WINDOW_SECONDS = 600;

interface Waited {
  elapsed: number;
  waited: number;
}

export class LiveRun {
  stage: RunProgress['stage'] = 'preparing';
  prepared: RunProgress['prepared'] = null;
  step: StepEvent | undefined;
  fromStep = 0;
  savedStep: number | null = null;
  savedAt: number | null = null;
  checkpointBytes = 0;
  memoryBytes: number | null = null;
  /** Steps are being taken, so pausing and saving are a matter of one step. */
  hasBegun = false;
  private stageBefore: RunProgress['stage'] = 'training';
  private readonly waits: Waited[] = [];
  private firstElapsed: { step: number; elapsed: number } | undefined;

  constructor(
    readonly run: string,
    readonly folder: string,
    readonly dataset: string | null,
  ) {}

  take(event: RunEvent): void {
    switch (event.event) {
      case 'preparing':
        this.stage = this.hasBegun && event.stage === 'evaluation' ? 'measuring' : 'preparing';
        this.prepared = { what: PREPARING[event.stage], done: event.done, total: event.total };
        break;
      case 'start':
        this.fromStep = event.fromStep;
        this.savedStep ??= event.fromStep > 0 ? event.fromStep : null;
        this.checkpointBytes = event.checkpointBytes;
        this.memoryBytes = event.memoryBytes;
        break;
      case 'step':
        this.takeStep(event);
        break;
      case 'epoch':
        this.stage = 'training';
        this.prepared = null;
        break;
      case 'saving':
        this.stageBefore = this.stage;
        this.stage = 'saving';
        break;
      case 'checkpoint':
        this.stage = this.stageBefore;
        this.savedStep = event.step;
        this.savedAt = Date.now();
        break;
      case 'done':
        this.stage = 'over';
    }
  }

  /** Share of the last minutes in which the device waited for pictures; null before there is enough to tell. */
  get waitingForData(): number | null {
    const first = this.waits[0];
    const last = this.waits.at(-1);
    if (!first || !last || last.elapsed <= first.elapsed) return null;
    const waited = this.waits.slice(1).reduce((sum, each) => sum + each.waited, 0);
    return Math.min(1, Math.max(0, waited / (last.elapsed - first.elapsed)));
  }

  /** Seconds that `waitingForData` is about. */
  get watchedSeconds(): number {
    return (this.waits.at(-1)?.elapsed ?? 0) - (this.waits[0]?.elapsed ?? 0);
  }

  /** With measuring and saving as they took their time so far. */
  secondsLeft(steps: number): number | null {
    const { step, firstElapsed } = this;
    if (!step) return null;
    const taken = firstElapsed ? step.step - firstElapsed.step : 0;
    const seconds = firstElapsed ? step.elapsed - firstElapsed.elapsed : 0;
    // At first it is told by the speed of steps alone.
    if (taken < 20 || seconds < 30) return finite(step.secondsLeft);
    return Math.max(0, (seconds / taken) * (steps - step.step));
  }

  private takeStep(event: StepEvent): void {
    this.stage = 'training';
    this.prepared = null;
    this.hasBegun = true;
    this.step = event;
    this.firstElapsed ??= { step: event.step, elapsed: event.elapsed };
    this.waits.push({ elapsed: event.elapsed, waited: event.waited });
    while (this.waits.length > 2 && event.elapsed - this.waits[0]!.elapsed > WINDOW_SECONDS) this.waits.shift();
  }
}
