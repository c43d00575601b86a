/** Starting a run and taking one up again. The parts are put together in `make-run.ts`, the loop is in `training-run.ts`. */
import {
  holdsPictures,
  readManifest,
  requirePictures,
  splitIndices,
  touchedPictures,
  writeManifest,
  type Manifest,
  type Problem,
} from '../data';
import { UserError } from '../errors';
import { Network, networkConfigOf, trainingSchedules, type Recipe } from '../ibot';
import { closingAll, type Closable } from './closing-all';
import type { DoneEvent, RunEvent, WarningCode } from './events';
import { fitRecipe } from './fit-recipe';
import { NonFiniteError } from './health';
import { describeForLog } from './log-lines';
import { makeRun, whilePreparing, type RunEnvironment, type RunSetup } from './make-run';
import { RunFolder } from './run-folder';
import { deviceRecord, sameDevice, type RunRecord } from './run-record';
import type { TrainingRun } from './training-run';
import { recordWarning, removeWarnings } from './warnings-file';

export interface ResumeOptions extends RunEnvironment {
  /** The run's folder. */
  folder: string;
  /** Where the pictures may be by now: from then on the run's folder of pictures, if they are there. */
  picturesNow?: string;
  /** The program's version, for the record; another one than the run's is warned of. */
  version?: string;
  /** Called in order, from within the loop: be quick. */
  onEvent?: (event: RunEvent) => void;
}

/** What a run is made of. */
export interface RunContents {
  manifest: Manifest;
  recipe: Recipe;
  /** What the scan could not use, for the run's list. */
  problems?: readonly Problem[];
  /** Go on when more than a tenth of the pictures cannot be read. */
  allowBad?: boolean;
}

export interface TrainingOptions extends ResumeOptions, RunContents {
  /** What speaks against this run, known before it begins: told and logged first. */
  warnings?: readonly { code: WarningCode; message: string }[];
}

/**
 * Trains in a new folder, to the end or until the signal. One that fails before its first step leaves no folder.
 * @throws UserError for what somebody can mend; the run can then be resumed from its last checkpoint
 */
export async function runTraining(options: TrainingOptions): Promise<DoneEvent> {
  const { manifest } = options;
  const folder = await RunFolder.create(options.folder);
  let begun = false;
  try {
    const { record, network, change } = await fillFolder(folder, options, 'running');
    const logged = emitter(folder, options);
    const emit = (event: RunEvent): void => {
      if (event.event === 'step' || event.event === 'checkpoint') begun = true;
      logged(event);
    };
    if (change) emit({ event: 'warning', code: 'batch-lowered', message: change, step: 0 });
    for (const warning of options.warnings ?? []) emit({ event: 'warning', ...warning, step: 0 });
    return await carryOut({ ...options, emit, folder, record, manifest, network });
  } catch (error) {
    // There is nothing to resume, and the next attempt may want the name. A diagnosis is worth keeping.
    if (!begun && !(error instanceof NonFiniteError)) await folder.discard();
    throw error;
  } finally {
    await folder.release();
  }
}

/**
 * Makes the folder of a run that begins later, by `resumeTraining`, with these pictures and options whatever changes until
 * then. @throws UserError where there is something already, or where these pictures are too few
 */
export async function prepareRun(options: RunContents & Pick<ResumeOptions, 'gpu' | 'folder' | 'version'>): Promise<RunRecord> {
  const folder = await RunFolder.create(options.folder);
  let made = false;
  try {
    const { record, change } = await fillFolder(folder, options, 'queued');
    if (change) folder.log(`Warning: ${change}`);
    made = true;
    return record;
  } finally {
    if (!made) await folder.discard();
    await folder.release();
  }
}

async function fillFolder(
  folder: RunFolder,
  { manifest, recipe: wanted, problems = [], allowBad, gpu, version }: RunContents & Pick<ResumeOptions, 'gpu' | 'version'>,
  state: 'queued' | 'running',
): Promise<{ record: RunRecord; network: Network; change: string | undefined }> {
  const trainingPictures = splitIndices(manifest, 'train').length;
  const { recipe, change } = fitRecipe(wanted, trainingPictures);
  const stepsPerEpoch = Math.floor(trainingPictures / recipe.batch_size);
  const network = new Network(networkConfigOf(recipe));
  const { steps } = trainingSchedules(recipe, stepsPerEpoch);
  if (steps < 1) {
    throw new UserError(`${recipe.epochs} epochs of ${stepsPerEpoch} steps are not one step: raise epochs.`);
  }
  const record: RunRecord = {
    format: 'ibot-workbench run',
    version: 1,
    program: { version: version ?? 'unknown', node: process.version },
    created: new Date().toISOString(),
    state,
    reason: null,
    step: 0,
    recipe,
    allowBad: allowBad ?? false,
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
  await folder.writeBadPictures(problems.map((problem) => ({ ...problem, step: 0 })));
  return { record, network, change };
}

/**
 * Goes on with a run from its newest checkpoint that can be read: on the same device bit for bit as if it had never
 * stopped. A run that ended before its first checkpoint begins again.
 * @throws UserError where there is nothing to go on with
 */
export async function resumeTraining(options: ResumeOptions): Promise<DoneEvent> {
  const folder = await RunFolder.open(options.folder);
  try {
    const record = await folder.readRecord();
    const { manifest: listed, hash } = await readManifest(folder.manifestFile);
    if (hash !== record.data.manifestHash) {
      throw new UserError(`${folder.manifestFile} was changed since the run began: the run cannot go on with other pictures.`);
    }
    const { picturesNow } = options;
    if (picturesNow !== undefined && picturesNow !== record.data.root && (await holdsPictures(listed, picturesNow))) {
      folder.log(`The pictures are in ${picturesNow} now.`);
      record.data.root = picturesNow;
    }
    // The record knows where they are; the list stays as it was, since checkpoints know it by its hash.
    const manifest = { ...listed, root: record.data.root };
    await requirePictures(manifest);
    const emit = emitter(folder, options);
    const device = deviceRecord(options.gpu);
    // Nothing was computed yet: it begins here, with what is here.
    if (record.state === 'queued') {
      record.device = device;
      record.program = { version: options.version ?? record.program.version, node: process.version };
    }
    if (!sameDevice(record.device, device)) {
      const message =
        `The run began on ${record.device.name} (${record.device.description}) and goes on on ` +
        `${device.name} (${device.description}): it continues, but not bit for bit.`;
      emit({ event: 'warning', code: 'other-device', message, step: record.step });
      record.device = device;
      record.kernels = null;
    }
    const program = { version: options.version ?? record.program.version, node: process.version };
    if (program.version !== record.program.version || program.node !== record.program.node) {
      const name = ({ version, node }: typeof program): string => `version ${version} of the program in Node ${node}`;
      const message =
        `The run was made by ${name(record.program)} and goes on with ${name(program)}: ` +
        'it continues, perhaps not bit for bit.';
      emit({ event: 'warning', code: 'other-program', message, step: record.step });
      record.program = program;
    }
    record.state = 'running';
    record.reason = null;
    const network = new Network(networkConfigOf(record.recipe));
    return await carryOut({ ...options, emit, folder, record, manifest, network }, true);
  } finally {
    await folder.release();
  }
}

function touchedMessage(paths: readonly string[]): string | undefined {
  if (paths.length === 0) return undefined;
  const files = paths.length === 1 ? '1 picture has a file' : `${paths.length} pictures have files`;
  return (
    `${files} with another time of change than when the run began, and the same size (for example ` +
    `${JSON.stringify(paths[0])}). After copying a folder that is harmless; if what they show was changed, the run ` +
    'continues with it, but not bit for bit.'
  );
}

function emitter(folder: RunFolder, { onEvent }: ResumeOptions): (event: RunEvent) => void {
  removeWarnings(folder.warningsFile);
  return (event) => {
    if (event.event === 'warning') recordWarning(folder.warningsFile, event);
    const line = describeForLog(event);
    if (line) folder.log(line);
    onEvent?.(event);
  };
}

async function warnOfTouched(setup: RunSetup): Promise<void> {
  const { manifest, emit, record } = setup;
  const message = touchedMessage(await touchedPictures(manifest, () => whilePreparing(setup)));
  if (message !== undefined) emit({ event: 'warning', code: 'touched-pictures', message, step: record.step });
}

/** Whether it is the end that somebody asked for. */
const hasEnded = ({ signal, control }: RunSetup, error: unknown): boolean =>
  [signal, control?.signal].some((each) => each?.aborted && each.reason === error);

async function carryOut(setup: RunSetup, goesOn = false): Promise<DoneEvent> {
  const { folder, record, emit } = setup;
  const open: Closable[] = [];
  let run: TrainingRun | undefined;
  const end = async (done: DoneEvent): Promise<DoneEvent> => {
    record.state = done.state;
    record.reason = done.reason;
    await folder.writeRecord(record);
    emit(done);
    return done;
  };
  return closingAll(open, async () => {
    try {
      if (goesOn) await warnOfTouched(setup);
      run = await makeRun(setup, open);
      const done = await run.train();
      await setup.control?.end();
      return await end(done);
    } catch (error) {
      // What could not be read may be the reason.
      await run?.listBadPictures().catch(() => undefined);
      await setup.control?.end();
      const reason = error instanceof Error ? error.message : String(error);
      const { step, sizes } = record;
      const nowhere = { event: 'done', folder: folder.path, step, steps: sizes.steps, knn: null, bestKnn: null } as const;
      // Stopped while it was being prepared: nothing was computed that had to be saved.
      if (!run && hasEnded(setup, error)) return await end({ ...nowhere, state: 'stopped', reason: null });
      // The first failure is what counts: a full disk may take the record, too.
      await end(run?.done('failed', reason) ?? { ...nowhere, state: 'failed', reason }).catch(() => undefined);
      throw error;
    }
  });
}
