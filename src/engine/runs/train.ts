/** Starting a run and taking one up again: the parts are made here, the loop is in `training-run.ts`. */
import { rename, stat } from 'node:fs/promises';
import { BatchLoader, readManifest, splitIndices, writeManifest, type Manifest, type Problem } from '../data';
import { UserError } from '../errors';
import { EpochEvaluator } from '../evaluate';
import { readJsonLines } from '../formats';
import { GpuError, type Gpu } from '../gpu';
import { BindingTooLargeError, type VariantTable } from '../graph';
import {
  cropOptionsOf,
  Network,
  networkConfigOf,
  pixelCapacityOf,
  Trainer,
  trainerOptionsOf,
  trainingSchedules,
  type Recipe,
} from '../ibot';
import { checkpointBytes, loadCheckpoint, recipeHash, type CheckpointContents, type CheckpointIdentity } from './checkpoint';
import { CheckpointStore } from './checkpoint-store';
import { headlineKnn, type DoneEvent, type EpochEvent, type RunEvent } from './events';
import { fitRecipe } from './fit-recipe';
import { MetricsLog } from './metrics';
import { RunEvaluation } from './run-evaluation';
import { RunFolder } from './run-folder';
import { deviceRecord, kernelsOf, sameDevice, type RunRecord } from './run-record';
import { describeForLog } from './log-lines';
import { TrainingRun } from './training-run';

export interface ResumeOptions {
  /** The run's folder. */
  folder: string;
  gpu: Gpu;
  /** Called in order, from within the loop: be quick. */
  onEvent?: (event: RunEvent) => void;
  /** Finishes the step, saves, and ends with the state 'stopped'. */
  signal?: AbortSignal;
  /** Decoding threads in place of the recipe's; 0 decodes in this thread. */
  decodeThreads?: number;
  workerEntry?: URL;
  /** Bytes that may still be written to the disk of a folder. */
  freeBytes?: (folder: string) => Promise<number>;
}

export interface TrainingOptions extends ResumeOptions {
  manifest: Manifest;
  recipe: Recipe;
  /** What the scan could not use, for the run's list. */
  problems?: readonly Problem[];
  /** Go on when more than a tenth of the pictures cannot be read. */
  allowBad?: boolean;
  /** The program's version, for the record. */
  version?: string;
}

/**
 * Trains in a new folder, to the end or until the signal.
 * @throws UserError for what somebody can mend; the run can then be resumed from its last checkpoint
 */
export async function runTraining(options: TrainingOptions): Promise<DoneEvent> {
  const { manifest, gpu, problems = [] } = options;
  const trainingPictures = splitIndices(manifest, 'train').length;
  const { recipe, change } = fitRecipe(options.recipe, trainingPictures);
  const stepsPerEpoch = Math.floor(trainingPictures / recipe.batch_size);
  const network = new Network(networkConfigOf(recipe));
  const { steps } = trainingSchedules(recipe, stepsPerEpoch);
  const folder = await RunFolder.create(options.folder);
  try {
    const record: RunRecord = {
      format: 'ibot-workbench run',
      version: 1,
      program: { version: options.version ?? 'unknown', node: process.version },
      created: new Date().toISOString(),
      state: 'running',
      reason: null,
      step: 0,
      recipe,
      allowBad: options.allowBad ?? false,
      device: deviceRecord(gpu),
      kernels: null,
      data: {
        root: manifest.root,
        trainingPictures,
        heldOutPictures: manifest.pictures.length - trainingPictures,
        classes: manifest.classes.length,
        manifestHash: await writeManifest(folder.manifestFile, manifest),
      },
      sizes: { parameters: network.student.count, stepsPerEpoch, steps, memoryBytes: null },
    };
    await folder.writeRecord(record);
    await folder.writeBadPictures(problems);
    const emit = emitter(folder, options);
    if (change) emit({ event: 'warning', code: 'batch-lowered', message: change, step: 0 });
    return await carryOut({ ...options, emit, folder, record, manifest, network, problems });
  } finally {
    await folder.release();
  }
}

/**
 * Goes on with a run from its newest checkpoint that can be read: on the same device bit for bit as if it had never
 * stopped. A run without a checkpoint begins again.
 * @throws UserError where there is nothing to go on with
 */
export async function resumeTraining(options: ResumeOptions): Promise<DoneEvent> {
  const folder = await RunFolder.open(options.folder);
  try {
    const record = await folder.readRecord();
    const { manifest, hash } = await readManifest(folder.manifestFile);
    if (hash !== record.data.manifestHash) {
      throw new UserError(`${folder.manifestFile} was changed since the run began: the run cannot go on with other pictures.`);
    }
    const root = await stat(manifest.root).catch(() => undefined);
    if (!root?.isDirectory()) {
      throw new UserError(`The pictures of this run are not at ${manifest.root} any more: put them back to go on.`);
    }
    const emit = emitter(folder, options);
    const device = deviceRecord(options.gpu);
    if (!sameDevice(record.device, device)) {
      const message =
        `The run began on ${record.device.name} (${record.device.description}) and goes on on ` +
        `${device.name} (${device.description}): it continues, but not bit for bit.`;
      emit({ event: 'warning', code: 'other-device', message, step: record.step });
      record.device = device;
      record.kernels = null;
    }
    record.state = 'running';
    record.reason = null;
    const network = new Network(networkConfigOf(record.recipe));
    const problems = await folder.readBadPictures();
    return await carryOut({ ...options, emit, folder, record, manifest, network, problems });
  } finally {
    await folder.release();
  }
}

interface Setup extends Omit<ResumeOptions, 'folder' | 'onEvent'> {
  emit: (event: RunEvent) => void;
  folder: RunFolder;
  record: RunRecord;
  manifest: Manifest;
  network: Network;
  problems: readonly Problem[];
}

function emitter(folder: RunFolder, { onEvent }: ResumeOptions): (event: RunEvent) => void {
  return (event) => {
    const line = describeForLog(event);
    if (line) folder.log(line);
    onEvent?.(event);
  };
}

async function carryOut(setup: Setup): Promise<DoneEvent> {
  const { folder, record, emit } = setup;
  const open: { close(): Promise<void> | void }[] = [];
  let run: TrainingRun | undefined;
  const end = async (done: DoneEvent): Promise<DoneEvent> => {
    Object.assign(record, { state: done.state, reason: done.reason, step: done.step });
    await folder.writeRecord(record);
    emit(done);
    return done;
  };
  try {
    run = await makeRun(setup, open);
    return await end(await run.train());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const { sizes } = record;
    const done: DoneEvent = run?.done('failed', reason) ?? {
      event: 'done',
      state: 'failed',
      folder: folder.path,
      step: record.step,
      steps: sizes.steps,
      knn: null,
      bestKnn: null,
      reason,
    };
    // The first failure is what counts: a full disk may take the record, too.
    await end(done).catch(() => undefined);
    throw error;
  } finally {
    for (const part of open.reverse()) await part.close();
  }
}

/** Makes all parts of a run; what has to be closed afterwards is added to `open`. */
async function makeRun(setup: Setup, open: { close(): Promise<void> | void }[]): Promise<TrainingRun> {
  const { folder, record, gpu, manifest, network, problems, signal, emit } = setup;
  const { recipe } = record;
  const { stepsPerEpoch } = record.sizes;
  const schedules = trainingSchedules(recipe, stepsPerEpoch);
  const identity: CheckpointIdentity = { manifestHash: record.data.manifestHash, recipeHash: recipeHash(recipe) };
  const keep = { keep: recipe.keep_checkpoints, keepEvery: recipe.keep_every, stepsPerEpoch };
  const store = new CheckpointStore(folder.checkpointFolder, keep, setup.freeBytes);
  await store.removePartial();
  // Before anything is computed: room for what will be kept, and for one more while it is written.
  const present = (await store.list()).length;
  const bytes = checkpointBytes(network, record.data.trainingPictures);
  await store.requireSpace(Math.max(1, recipe.keep_checkpoints + 1 - present) * bytes);

  const table: VariantTable = new Map(Object.entries(record.kernels ?? {}));
  const trainer = await makeTrainer(gpu, network, recipe, table, emit);
  open.push({ close: () => trainer.destroy() });
  const { arenaBytes, stateBytes } = trainer.layout.memory;
  record.kernels = kernelsOf(table);
  record.sizes.memoryBytes = arenaBytes + stateBytes;
  await folder.writeRecord(record);

  const from = await restore(trainer, store, identity, emit);
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
  const decoding = {
    ...(workers === undefined ? {} : { workers }),
    ...(setup.workerEntry && { workerEntry: setup.workerEntry }),
  };
  const loader = new BatchLoader({
    ...decoding,
    manifest,
    crops,
    seed: recipe.seed,
    batchSize: microBatch,
    maxPixelsPerBatch: pixelCapacityOf(microBatch),
    allowBad: record.allowBad,
  });
  open.push(loader);
  const { backbone: model } = network.config;
  const evaluator = new EpochEvaluator({ ...decoding, gpu, manifest, model, crops, seed: recipe.seed, table });
  open.push(evaluator);
  const { baselinesFile } = folder;
  const evaluation = new RunEvaluation({ evaluator, trainer, recipe, baselinesFile, metrics, emit });
  const knn = await knnSoFar(folder.metricsFile);
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
      problems,
      knn,
      emit,
      signal,
    },
    from,
  );
}

async function makeTrainer(
  gpu: Gpu,
  network: Network,
  recipe: Recipe,
  table: VariantTable,
  emit: (event: RunEvent) => void,
): Promise<Trainer> {
  try {
    return await Trainer.create(gpu, network, trainerOptionsOf(recipe), table, true, (stage, done, total) =>
      emit({ event: 'preparing', stage, done, total }),
    );
  } catch (error) {
    const tooLarge = error instanceof BindingTooLargeError || (error instanceof GpuError && error.kind === 'out-of-memory');
    if (!tooLarge) throw error;
    throw new UserError(
      `The device's memory is too small for this run (${error.message}): raise accumulate, which computes a batch in ` +
        'parts with the same result, or lower batch_size, local_crops_number or global_crops_size.',
    );
  }
}

/** Brings the newest checkpoint that can be read onto the device; without any, the start of a run. */
async function restore(
  trainer: Trainer,
  store: CheckpointStore,
  identity: CheckpointIdentity,
  emit: (event: RunEvent) => void,
): Promise<CheckpointContents | undefined> {
  const { gpu, network } = trainer;
  const stored = await store.list();
  if (stored.length === 0) {
    trainer.initialise();
    return undefined;
  }
  trainer.load(new Float32Array(network.student.length), new Float32Array(network.teacher.length));
  let failure: unknown;
  for (const { path, step } of stored) {
    try {
      return await loadCheckpoint(path, gpu, network, identity);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failure ??= error;
      emit({ event: 'warning', code: 'checkpoint-refused', message: `${error.message} The one before it is taken.`, step });
      // Out of the way of those that will be written, but there to be looked at.
      await rename(path, `${path}.refused`);
    }
  }
  throw failure;
}

/** The teacher's k-NN as the metrics tell it. */
async function knnSoFar(metricsFile: string): Promise<{ last: number | null; best: number | null }> {
  const knn: { last: number | null; best: number | null } = { last: null, best: null };
  for await (const line of readJsonLines(metricsFile)) {
    const event = line as Partial<EpochEvent>;
    if (event.event !== 'epoch') continue;
    const score = headlineKnn(event.evaluation?.teacher.knn ?? null);
    knn.last = score ?? knn.last;
    if (score !== null && (knn.best === null || score > knn.best)) knn.best = score;
  }
  return knn;
}
