/** What a run's events say in `log.txt`: one plain line each; single steps are in the metrics. */
import { readableBytes } from './checkpoint-store';
import { headlineKnn, type EpochEvent, type RunEvent } from './events';

const ENDS = { finished: 'Finished', stopped: 'Stopped', failed: 'Failed' } as const;

/** Undefined for events that the log leaves out. */
export function describeForLog(event: RunEvent): string | undefined {
  switch (event.event) {
    case 'start':
      return (
        `${event.fromStep > 0 ? `Going on from step ${event.fromStep}` : 'Starting'} on ${event.device}: ` +
        `${event.trainingPictures} pictures to train on, ${event.heldOutPictures} held out, ${event.steps} steps, ` +
        `${(event.parameters / 1e6).toFixed(1)} million parameters, ${readableBytes(event.memoryBytes)} on the device`
      );
    case 'baselines':
      return (
        `Without training: k-NN ${percent(headlineKnn(event.untrained.knn))}, ` +
        `of raw pixels ${percent(headlineKnn(event.pixels))}`
      );
    case 'epoch':
      return describeEpoch(event);
    case 'checkpoint':
      return `Saved ${event.path} (${readableBytes(event.bytes)}, ${event.seconds.toFixed(1)} s)`;
    case 'warning':
      return `Warning: ${event.message}`;
    case 'note':
      return event.message;
    case 'done':
      return `${ENDS[event.state]} after step ${event.step} of ${event.steps}${event.reason ? `: ${event.reason}` : ''}`;
    case 'step':
    case 'saving':
    case 'bad-pictures':
    case 'panel':
    case 'preparing':
      return undefined;
  }
}

function describeEpoch({ epoch, epochs, loss, cls, patch, accuracy, evaluation, evaluationSkipped }: EpochEvent): string {
  const parts = [`loss ${loss.toFixed(4)} (cls ${cls.toFixed(4)}, patch ${patch.toFixed(4)})`, `accuracy ${percent(accuracy)}`];
  if (evaluation) {
    const { knn, retrieval, rank } = evaluation.teacher;
    parts.push(`k-NN ${percent(headlineKnn(knn))}`, `view retrieval ${percent(retrieval)}`, `rank ${rank?.toFixed(1) ?? 'none'}`);
  }
  if (evaluationSkipped) parts.push(`not measured: ${evaluationSkipped}`);
  return `Epoch ${epoch} of ${epochs}: ${parts.join(', ')}`;
}

const percent = (value: number | null): string => (value === null ? 'none' : `${value.toFixed(1)}%`);
