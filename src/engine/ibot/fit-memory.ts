/** Micro-batches small enough for the device: from the plan's own figures, before any memory is taken. */
import { UserError } from '../errors';
import type { Gpu } from '../gpu';
import { BindingTooLargeError } from '../graph';
import { networkConfigOf, trainerOptionsOf } from './from-recipe';
import { Network } from './network';
import { resolveRecipe, type Recipe } from './recipe';
import { TrainerLayout, type TrainerMemory } from './trainer';

/** What a recipe takes on this device; undefined where a tensor exceeds what one binding holds. */
export function memoryOf(gpu: Gpu, recipe: Recipe): TrainerMemory | undefined {
  try {
    return new TrainerLayout(gpu, new Network(networkConfigOf(recipe)), trainerOptionsOf(recipe), new Map()).memory;
  } catch (error) {
    if (error instanceof BindingTooLargeError) return undefined;
    throw error;
  }
}

/**
 * The recipe with the smallest `accumulate` (a divisor of the batch, not below the one it has) that fits.
 * @param bytes what may be used
 * @throws UserError when even single pictures do not fit
 */
export function fitMemory(gpu: Gpu, recipe: Recipe, bytes: number): { recipe: Recipe; memory: TrainerMemory } {
  for (let accumulate = recipe.accumulate; accumulate <= recipe.batch_size; accumulate++) {
    if (recipe.batch_size % accumulate !== 0) continue;
    const candidate = resolveRecipe({ ...recipe, accumulate });
    const memory = memoryOf(gpu, candidate);
    if (memory && memory.arenaBytes + memory.stateBytes <= bytes) return { recipe: candidate, memory };
  }
  throw new UserError(
    `This model does not fit into the device's memory (${(bytes / 2 ** 30).toFixed(1)} GiB), even one picture at a time: ` +
      'choose a smaller arch, smaller crops, a larger patch_size or a smaller out_dim.',
  );
}
