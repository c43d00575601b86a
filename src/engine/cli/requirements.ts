/** What a run takes of the device's memory, of time and of the disk: looked at before its folder is made. */
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { UserError } from '../errors';
import { deviceMemory, type DeviceMemory, type Gpu } from '../gpu';
import { fitMemory, memoryOf, Network, networkConfigOf, type Recipe, type TrainerMemory } from '../ibot';
import { checkpointBytes, freeBytes } from '../runs';
import { bytes, counted, duration } from './quantities';

export interface MemoryNeed {
  recipe: Recipe;
  /** "It takes 1.2 GiB of …" */
  sentence: string;
  /** Floating-point operations of one step. */
  flops: number;
}

const totalOf = ({ arenaBytes, stateBytes }: TrainerMemory): number => arenaBytes + stateBytes;
const there = ({ bytes: count, source }: DeviceMemory): string =>
  `the ${bytes(count)} of memory that there are (source: ${source})`;

/** What parts of a batch do to the result. */
function effectOfParts({ koleo_weight, centering }: Recipe): string {
  const within = [...(koleo_weight > 0 ? ['KoLeo'] : []), ...(centering === 'sinkhorn_knopp' ? ['Sinkhorn–Knopp'] : [])];
  if (within.length === 0) return ', with the same result';
  return ` (${within.join(' and ')} then ${within.length > 1 ? 'look' : 'looks'} at each part by itself)`;
}

/** The recipe with its batch in as many parts as fit. @throws UserError where even single pictures do not. */
export async function fitToMemory(gpu: Gpu, wanted: Recipe, memory?: DeviceMemory): Promise<MemoryNeed> {
  const available = memory ?? (await deviceMemory(gpu.info));
  const { recipe, memory: needed } = fitMemory(gpu, wanted, available.bytes);
  const split = `; a batch is computed in ${recipe.accumulate} parts to fit${effectOfParts(recipe)}`;
  const parts = recipe.accumulate > wanted.accumulate ? split : '';
  return { recipe, sentence: `It takes ${bytes(totalOf(needed))} of ${there(available)}${parts}.`, flops: needed.flops };
}

/** Refuses a recipe that is larger than the device, and says what to change. Its `accumulate` stays. */
export async function checkMemory(gpu: Gpu, recipe: Recipe, memory?: DeviceMemory): Promise<MemoryNeed> {
  const available = memory ?? (await deviceMemory(gpu.info));
  const needed = memoryOf(gpu, recipe);
  if (needed && totalOf(needed) <= available.bytes) {
    return { recipe, sentence: `It takes ${bytes(totalOf(needed))} of ${there(available)}.`, flops: needed.flops };
  }
  if (needed && available.guessed) {
    const unknown = 'how much this device has is not known; if it is too little, raise accumulate';
    return { recipe, sentence: `It takes ${bytes(totalOf(needed))} of memory; ${unknown}.`, flops: needed.flops };
  }
  const message = needed
    ? `This run takes ${bytes(totalOf(needed))} and does not fit into ${there(available)}`
    : 'This run has tensors that are larger than the device allows';
  // Throws, in its own words, where nothing helps but a smaller model.
  const { accumulate } = fitMemory(gpu, recipe, available.bytes).recipe;
  throw new UserError(`${message}: give --accumulate ${accumulate}, which computes a batch in parts${effectOfParts(recipe)}.`);
}

/** The time that steps take, in plain words. */
export function timeSentence(flops: number, steps: number, flopsPerSecond: number): string {
  const seconds = Math.max(1, (flops * steps) / flopsPerSecond);
  const about = `about ${duration(Math.round(seconds))} on this device`;
  return `${counted(steps, 'step')} of training, ${about}, not counting what is measured.`;
}

/**
 * Room for the checkpoints that will be kept, and for one more while it is written.
 * @throws UserError where the disk of the folder, which need not exist yet, has less
 */
export async function checkDisk(folder: string, recipe: Recipe, trainingPictures: number, free = freeBytes): Promise<void> {
  const one = checkpointBytes(new Network(networkConfigOf(recipe)), trainingPictures);
  const needed = one * (recipe.keep_checkpoints + 1);
  const available = await free(await nearestPresent(folder));
  if (available >= needed * 1.05) return;
  throw new UserError(
    `The disk of ${folder} has ${bytes(available)} left and the run needs ${bytes(needed)} for its checkpoints: ` +
      'free some space, choose another disk with --out, or lower keep_checkpoints.',
  );
}

async function nearestPresent(folder: string): Promise<string> {
  let path = resolve(folder);
  while (dirname(path) !== path && !(await stat(path).catch(() => undefined))) path = dirname(path);
  return path;
}
