/** The parts of a run, put together: network and plans, the checkpoint to go on from, batches, metrics, evaluation. */
import { BatchLoader, DecodePool, type Manifest } from '../data';
import { UserError } from '../errors';
import { EpochEvaluator } from '../evaluate';
import { GpuError, type Gpu } from '../gpu';
import { BindingTooLargeError, type VariantTable } from '../graph';
import { cropOptionsOf, pixelCapacityOf, Trainer, trainerOptionsOf, trainingSchedules, type Network, type TrainerProgress } from '../ibot';
import { BadPictures } from './bad-pictures';
import { checkpointBytes, recipeHash, type CheckpointIdentity } from './checkpoint';
import { CheckpointStore } from './checkpoint-store';
import type { Closable } from './closing-all';
import type { RunEvent } from './events';
import { addToKernelCache, readKernelCache } from './kernel-cache';
import { KnnSoFar } from './knn-so-far';
import { MetricsLog } from './metrics';
import { RunPanels } from './run-panels';
import { restore } from './restore';
import { RunEvaluation } from './run-evaluation';
import type { RunControl } from './run-control';
import type { RunFolder } from './run-folder';
import { kernelsOf, type RunRecord } from './run-record';
import { TrainingRun } from './training-run';

/** Where and with what a run is carried out; none of it changes its results. */
export interface RunEnvironment {
  gpu: Gpu;
  /** Finishes the step, saves, and ends with the state 'stopped'. */
  signal?: AbortSignal;
  /** For what this process may ask of the run between its steps; its own signal ends the run, too. */
  control?: RunControl;
  /** Saves pictures of what the teacher sees every so often (`panels/`). */
  panels?: boolean;
  /** Decoding threads in place of the recipe's; 0 decodes in this thread. */
  decodeThreads?: number;
  workerEntry?: URL;
  /** Folder in which kernel choices are kept for the next runs on the same device; without one, each run measures. */
  kernelCache?: string;
  /** Bytes that may still be written to the disk of a folder. */
  freeBytes?: (folder: string) => Promise<number>;
}

export interface RunSetup extends RunEnvironment {
  emit: (event: RunEvent) => void;
  folder: RunFolder;
  record: RunRecord;
  manifest: Manifest;
  network: Network;
}

/** Between two pieces of preparing a run: waits while it is paused. @throws the signal's reason once it is to end */
export async function whilePreparing({ control, record, ...setup }: RunSetup): Promise<void> {
  setup.signal?.throwIfAborted();
  await control?.whilePreparing({ step: record.step, bytes: 0, seconds: 0 });
}

/**
 * Makes all parts of a run; what has to be closed afterwards is added to `open`.
 * @throws the signal's reason when the run is to end meanwhile
 */
export async function makeRun(setup: RunSetup, open: Closable[]): Promise<TrainingRun> {
  const { folder, record, gpu, manifest, network, control, emit } = setup;
  const signal = signalOf(setup);
  const { recipe } = record;
  const { stepsPerEpoch } = record.sizes;
  const schedules = trainingSchedules(recipe, stepsPerEpoch);
  const identity: CheckpointIdentity = { manifestHash: record.data.manifestHash, recipeHash: recipeHash(recipe) };
  const kept = { keep: recipe.keep_checkpoints, keepEvery: recipe.keep_every, stepsPerEpoch };
  const store = new CheckpointStore(folder.checkpointFolder, kept, setup.freeBytes);
  await store.removePartial();
  // Before anything is computed: room for what will be kept, and for one more while it is written.
  const present = (await store.list()).length;
  const bytes = checkpointBytes(network, record.data.trainingPictures);
  await store.requireSpace(Math.max(1, recipe.keep_checkpoints + 1 - present) * bytes);

  const cache = setup.kernelCache;
  let table: VariantTable = new Map(Object.entries(record.kernels ?? {}));
  if (!record.kernels && cache !== undefined) table = await readKernelCache(cache, record.device);
  // Also what was measured for one that is stopped meanwhile.
  const keepChoices = (): Promise<void> | undefined => (cache === undefined ? undefined : addToKernelCache(cache, record.device, table));
  const trainer = await makeTrainer(setup, table, signal).finally(keepChoices);
  open.push({ close: () => trainer.destroy() });
  await whilePreparing(setup);
  const { arenaBytes, stateBytes } = trainer.layout.memory;
  record.kernels = kernelsOf(table);
  record.sizes.memoryBytes = arenaBytes + stateBytes;
  await folder.writeRecord(record);

  const from = await restore({ trainer, store, identity, recordedStep: record.step, emit });
  record.step = from?.step ?? 0;
  const metrics = await MetricsLog.open({ metrics: folder.metricsFile, events: folder.eventsFile }, from?.step ?? 0);
  open.push(metrics);
  emit({
    event: 'start',
    folder: folder.path,
    device: gpu.info.description || gpu.info.name,
    software: gpu.info.software,
    trainingPictures: record.data.trainingPictures,
    heldOutPictures: record.data.heldOutPictures,
    classes: record.data.classes,
    stepsPerEpoch,
    steps: schedules.steps,
    fromStep: from?.step ?? 0,
    parameters: network.student.count,
    memoryBytes: arenaBytes + stateBytes,
    checkpointBytes: bytes,
  });

  const microBatch = recipe.batch_size / recipe.accumulate;
  const crops = cropOptionsOf(recipe);
  const workers = setup.decodeThreads ?? (recipe.workers > 0 ? recipe.workers : undefined);
  const pool = new DecodePool({
    ...(workers === undefined ? {} : { workers }),
    ...(setup.workerEntry && { workerEntry: setup.workerEntry }),
  });
  open.push(pool);
  control?.attach((count) => pool.resize(count));
  const badPictures = await BadPictures.open(folder, record.step);
  const loader = new BatchLoader({
    pool,
    manifest,
    crops,
    seed: recipe.seed,
    batchSize: microBatch,
    batchesPerEpoch: stepsPerEpoch * recipe.accumulate,
    knownBad: badPictures.indices(manifest),
    maxPixelsPerBatch: pixelCapacityOf(microBatch),
    allowBad: record.allowBad,
  });
  const { backbone: model } = network.config;
  const evaluator = new EpochEvaluator({ pool, gpu, manifest, model, crops, seed: recipe.seed, table });
  const { baselinesFile } = folder;
  const { coverage } = evaluator;
  if (recipe.knn_every > 0 && coverage !== undefined) emit({ event: 'note', message: coverage });
  const evaluation = new RunEvaluation({ evaluator, trainer, recipe, baselinesFile, metrics, emit });
  const knn = await KnnSoFar.read(folder.metricsFile);
  const panels = setup.panels
    ? await RunPanels.open({ folder: folder.panelFolder, gpu, manifest, network, table, step: record.step, emit })
    : undefined;
  return new TrainingRun(
    {
      folder,
      record,
      manifest,
      recipe,
      trainer,
      loader,
      schedules,
      stepsPerEpoch,
      identity,
      store,
      metrics,
      evaluation,
      badPictures,
      knn,
      emit,
      signal,
      control,
      panels,
      elapsedBefore: knn.elapsed,
    },
    from,
  );
}

/** Ends the run: whoever says so. */
function signalOf({ signal, control }: RunEnvironment): AbortSignal | undefined {
  if (!control) return signal;
  return signal ? AbortSignal.any([signal, control.signal]) : control.signal;
}

async function makeTrainer(setup: RunSetup, table: VariantTable, signal: AbortSignal | undefined): Promise<Trainer> {
  const { gpu, network, record, emit } = setup;
  const progress: TrainerProgress = (stage, done, total) => {
    signal?.throwIfAborted();
    emit({ event: 'preparing', stage, done, total });
  };
  try {
    return await Trainer.create(gpu, network, trainerOptionsOf(record.recipe), table, true, progress, () => whilePreparing(setup));
  } catch (error) {
    const tooLarge = error instanceof BindingTooLargeError || (error instanceof GpuError && error.kind === 'out-of-memory');
    if (!tooLarge) throw error;
    throw new UserError(
      `The device's memory is too small for this run (${error.message}): raise accumulate, which computes a batch in ` +
        'parts, or lower batch_size, local_crops_number or global_crops_size.',
    );
  }
}
