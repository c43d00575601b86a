/** `--model`: the teacher's backbone of a run, of one of its checkpoints, or of a safetensors file with its config.json. */
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../errors';
import { DamagedFileError, fileError, openSafetensors } from '../formats';
import { networkConfigOf, PIXEL_MEAN, PIXEL_STD, teacherBackbone } from '../ibot';
import { checkpointStep, listCheckpoints, readRunFolder, type RunRecord } from '../runs';
import { readBackbone, readSafetensorsModel, type StoredModel } from './safetensors-model';
import type { Screen } from './screen';

export const MODEL_FLAG = '--model <run|file>';
export const MODEL_HELP = "a run's folder, one of its checkpoints, or a .safetensors file with its config.json";

export interface LoadedModel extends StoredModel {
  /** Side of the pictures that it learned from, in pixels. */
  defaultSize: number;
  /** Of the run it belongs to, if any. */
  step: number | undefined;
  /** Why a newer checkpoint of the run was passed over, if one was. */
  passedOver?: string;
}

const colours = { mean: PIXEL_MEAN, std: PIXEL_STD };

/** @throws UserError when there is no such model, or it cannot be read. */
export async function openModel(path: string): Promise<LoadedModel> {
  const place = await stat(path).catch((error: unknown) => {
    throw fileError(error, path);
  });
  if (place.isDirectory()) return openRunModel(path);
  if (!path.endsWith('.safetensors')) {
    throw new UserError(`${path} is neither a run's folder nor a .safetensors file.`);
  }
  const run = dirname(dirname(resolve(path)));
  if (checkpointStep(basename(path)) !== undefined) {
    const record = await readRunFolder(run).catch(() => undefined);
    if (record) {
      return readCheckpointModel(path, record).catch((error: unknown) => {
        throw withAdvice(error, `Name the run's folder, ${run}, in its place: then the newest whole checkpoint is taken.`);
      });
    }
  }
  const model = await readSafetensorsModel(path, colours);
  return { ...model, defaultSize: model.config.imgSize, step: undefined };
}

/** The model of a run's newest checkpoint that can be read. */
export async function openRunModel(run: string): Promise<LoadedModel> {
  const record = await readRunFolder(run);
  const checkpoints = await listCheckpoints(join(run, 'checkpoints'));
  let failure: unknown;
  for (const { path } of checkpoints) {
    let model: LoadedModel;
    try {
      model = await readCheckpointModel(path, record);
    } catch (error) {
      failure ??= error;
      continue;
    }
    if (failure === undefined) return model;
    return { ...model, passedOver: failure instanceof Error ? failure.message : String(failure) };
  }
  if (failure !== undefined) throw withAdvice(failure, `${run} has no other that can be read: put a copy back, or train again.`);
  throw new UserError(`${run} has no checkpoint yet: let the run go on until it has saved one.`);
}

/** What to do about a damaged file, behind what is wrong with it. */
const withAdvice = (error: unknown, advice: string): unknown =>
  error instanceof DamagedFileError ? new UserError(`${error.message} ${advice}`) : error;

async function readCheckpointModel(path: string, { recipe }: RunRecord): Promise<LoadedModel> {
  const config = teacherBackbone(networkConfigOf(recipe));
  const file = await openSafetensors(path);
  try {
    const backbone = await readBackbone(file, path, config, 'teacher.backbone.');
    return {
      title: path,
      config,
      ...backbone,
      ...colours,
      defaultSize: recipe.global_crops_size,
      step: checkpointStep(basename(path)),
    };
  } finally {
    await file.close();
  }
}

/** Which model is used, for people; that it is not the newest is said on standard error in any case. */
export function sayModel({ title, step, passedOver }: LoadedModel, screen: Screen, json = false): void {
  if (passedOver !== undefined) {
    process.stderr.write(`Warning: the newest checkpoint does not load (${passedOver}): step ${step} is used instead.\n`);
  }
  if (!json) screen.say(`Model: ${title}${step === undefined ? '' : ` (step ${step})`}`);
}
