/** What was measured of a run, as its charts take it. */
import type { Result, StepSeries } from '../../engine/protocol';
import type { Buckets } from '../charts/buckets';
import type { XUnit } from '../charts/words';

export type Steps = Buckets<StepSeries>;
export type Epochs = Result<'monitor.epochs'>;
/** What stands still in the charts. */
export type Frame = Result<'monitor.frame'>;

export interface Measured {
  steps: Steps | undefined;
  epochs: Epochs | undefined;
  frame: Frame | undefined;
  unit: XUnit;
}
