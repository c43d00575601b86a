/** From a trainer's reports to a run's step events: with speed and the time that is left. */
import type { StepReport } from '../ibot';
import type { StepEvent } from './events';

/** Steps over which the speed is taken. */
const WINDOW = 20;
/** So many steps may be submitted and not done (see the trainer). */
const IN_FLIGHT = 2;

/**
 * Seconds per step from the time spent on steps. The call for a step returns before the step is done, so steps count
 * once they are certain to be through: when two more were submitted, or all were waited for.
 */
export class SpeedMeter {
  private seconds = 0;
  private settledSteps = 0;
  private sinceSettled = 0;
  private readonly marks: { seconds: number; done: number }[] = [{ seconds: 0, done: 0 }];

  /** A step was submitted, which took so long. */
  stepTaken(seconds: number): void {
    this.sinceSettled++;
    this.mark(seconds);
  }

  /** All steps so far were waited for, which took so long. */
  settled(seconds: number): void {
    this.settledSteps += this.sinceSettled;
    this.sinceSettled = 0;
    this.mark(seconds);
  }

  /** Undefined before the first step is done. */
  get secondsPerStep(): number | undefined {
    const first = this.marks[0]!;
    const last = this.marks.at(-1)!;
    return last.done > first.done ? (last.seconds - first.seconds) / (last.done - first.done) : undefined;
  }

  private mark(seconds: number): void {
    this.seconds += seconds;
    this.marks.push({ seconds: this.seconds, done: this.settledSteps + Math.max(0, this.sinceSettled - IN_FLIGHT) });
    if (this.marks.length > WINDOW + 1) this.marks.shift();
  }
}

export interface StepEventOptions {
  steps: number;
  batchSize: number;
  memoryBytes: number;
  /** Seconds of computing so far, and that this step waited for its pictures. */
  elapsed: number;
  waited: number;
}

export function stepEvent(report: StepReport, secondsPerStep: number | undefined, options: StepEventOptions): StepEvent {
  const { step, epoch, settings, loss, gradientNorm } = report;
  const { steps, batchSize, memoryBytes, elapsed, waited } = options;
  return {
    event: 'step',
    step: step + 1,
    epoch: epoch + 1,
    loss: loss.loss,
    cls: loss.cls,
    patch: loss.patch,
    learningRate: settings.learningRate,
    weightDecay: settings.weightDecay,
    momentum: settings.momentum,
    teacherTemperature: settings.teacherTemperature,
    teacherPatchTemperature: settings.teacherPatchTemperature,
    gradientNorm,
    teacherEntropy: loss.teacherEntropy,
    meanTeacherEntropy: loss.meanTeacherEntropy,
    teacherPatchEntropy: loss.teacherPatchEntropy,
    meanTeacherPatchEntropy: loss.meanTeacherPatchEntropy,
    koleo: loss.koleo,
    picturesPerSecond: secondsPerStep ? batchSize / secondsPerStep : 0,
    memoryBytes,
    secondsLeft: (steps - step - 1) * (secondsPerStep ?? 0),
    elapsed,
    waited,
  };
}
