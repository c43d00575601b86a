/** From a run's files to what lists show. */
import { modelTitle } from '../ibot';
import type { StoredJob } from '../jobs';
import type { RunState, RunSummary } from '../protocol';
import { headlineKnn, type EpochEvent } from '../runs';
import type { RunEntry } from './run-entry';

/** Number, or null where it was not finite: what a single measured value may be. */
export const finite = (value: number | null | undefined): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

export interface RunCircumstances {
  /** Its place in the queue. */
  job: StoredJob | undefined;
  /** This process carries it out. */
  isOurs: boolean;
  isPaused: boolean;
  /** Why it ended in this process. */
  failure: string | undefined;
  /** Of the datasets that are there now. */
  dataset: { id: string; name: string } | undefined;
}

const POINTS = 64;

export function runStateOf(entry: RunEntry, { job, isOurs, isPaused, failure }: RunCircumstances): RunState {
  const state = entry.record!.state;
  if (isOurs) return isPaused ? 'paused' : 'running';
  if (job?.state === 'paused') return 'paused';
  if (job?.state === 'waiting' && job.owner === 'workbench') return 'queued';
  // One that goes on says so in its record once it is prepared.
  if (entry.heldElsewhere) return state === 'finished' ? 'finished' : 'running';
  if (failure !== undefined && (state === 'queued' || state === 'running')) return 'failed';
  if (state === 'running') return 'interrupted';
  // Made, and taken out of the queue before it began.
  return state === 'queued' ? 'stopped' : state;
}

export function summaryOf(entry: RunEntry, circumstances: RunCircumstances): RunSummary {
  const record = entry.record!;
  const { recipe, sizes, data } = record;
  const state = runStateOf(entry, circumstances);
  const last = entry.step;
  const step = Math.max(last?.step ?? 0, state === 'running' ? 0 : record.step);
  const measured = entry.epochs.filter(({ evaluation }) => evaluation !== null);
  const scores = measured.map(({ evaluation }) => headlineKnn(evaluation!.teacher.knn)).filter((score) => score !== null);
  const labels = data.classes > 0;
  return {
    run: entry.name,
    folder: entry.folder,
    state,
    reason: reasonOf(entry, state, circumstances.failure),
    foreign: state === 'running' && !circumstances.isOurs,
    dataset: circumstances.dataset?.id ?? null,
    datasetName: circumstances.dataset?.name ?? entry.notes.datasetName ?? lastPart(data.root),
    model: modelTitle(recipe),
    parameters: sizes.parameters,
    gist: gistOf(entry),
    step,
    steps: sizes.steps,
    epoch: step / sizes.stepsPerEpoch,
    epochs: sizes.steps / sizes.stepsPerEpoch,
    created: Date.parse(record.created) || 0,
    seconds: Math.max(0, last?.elapsed ?? entry.epochs.at(-1)?.elapsed ?? 0),
    bytes: entry.bytes,
    checkpoints: entry.checkpoints,
    checkpointBytes: entry.checkpointBytes,
    labels,
    knn: finite(scores.at(-1)),
    bestKnn: scores.length > 0 ? Math.max(...scores) : null,
    untrainedKnn: finite(headlineKnn(entry.baselines?.untrained.knn ?? null)),
    retrieval: finite(measured.at(-1)?.evaluation?.teacher.retrieval),
    rank: finite(measured.at(-1)?.evaluation?.teacher.rank),
    curve: curveOf(measured, labels),
    loss: finite(last?.loss),
    tags: entry.notes.tags,
    note: entry.notes.note,
  };
}

function reasonOf(entry: RunEntry, state: RunState, failure: string | undefined): string | null {
  if (state === 'interrupted') return 'The program that trained it ended without a word; it goes on from its last checkpoint.';
  if (state === 'failed') return entry.record!.reason ?? failure ?? null;
  return state === 'stopped' ? (entry.record!.reason ?? failure ?? null) : null;
}

/** What sets a run apart, short. */
function gistOf({ record }: RunEntry): string {
  const { pred_shape, local_crops_number: local, pred_ratio, batch_size: batch } = record!.recipe;
  const masks = pred_ratio.every((ratio) => ratio === 0) ? 'no masks' : pred_shape === 'block' ? 'block masks' : 'random masks';
  return `${masks}, ${local} local, batch ${batch.toLocaleString('en')}`;
}

function curveOf(measured: readonly EpochEvent[], labels: boolean): RunSummary['curve'] {
  const points = measured.flatMap(({ epoch, evaluation }) => {
    const { knn, retrieval } = evaluation!.teacher;
    const value = labels ? headlineKnn(knn) : retrieval;
    return value === null ? [] : [{ epoch, value }];
  });
  const every = Math.max(1, points.length / POINTS);
  const shown = points.length <= POINTS ? points : Array.from({ length: POINTS }, (_, i) => points[Math.floor((i + 1) * every) - 1]!);
  return { epochs: Float32Array.from(shown, ({ epoch }) => epoch), values: Float32Array.from(shown, ({ value }) => value) };
}

const lastPart = (path: string): string => path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
