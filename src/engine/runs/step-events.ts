/** From a trainer's reports to a run's step events: with speed and the time that is left. */
import type { StepReport } from '../ibot';
import type { StepEvent } from './events';

/** Steps over which the speed is taken. */
const WINDOW = 20;

export interface SpeedOptions {
  steps: number;
  stepsPerEpoch: number;
  batchSize: number;
  memoryBytes: number;
}

export class StepEvents {
  private submitted: number[] = [];

  constructor(private readonly options: SpeedOptions) {}

  /** Steps were not taken one after the other: speed is measured anew. */
  pause(): void {
    this.submitted = [];
  }

  event({ step, epoch, settings, loss, gradientNorm, submittedAt }: StepReport): StepEvent {
    const { steps, batchSize, memoryBytes } = this.options;
    this.submitted.push(submittedAt);
    if (this.submitted.length > WINDOW) this.submitted.shift();
    const seconds = (submittedAt - this.submitted[0]!) / 1000 / Math.max(1, this.submitted.length - 1);
    if (seconds > 0) this.secondsPerStep = seconds;
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
      picturesPerSecond: this.secondsPerStep > 0 ? batchSize / this.secondsPerStep : 0,
      memoryBytes,
      secondsLeft: (steps - step - 1) * this.secondsPerStep,
    };
  }

  private secondsPerStep = 0;
}
