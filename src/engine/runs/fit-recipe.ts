/** A recipe made to fit the pictures that there are. */
import { UserError } from '../errors';
import { resolveRecipe, type Recipe } from '../ibot';

/**
 * A batch holds at most all training pictures: a larger one is lowered to the largest multiple of `accumulate` that
 * fits. Gives the recipe to run with, and what was changed, in a sentence.
 */
export function fitRecipe(recipe: Recipe, trainingPictures: number): { recipe: Recipe; change: string | undefined } {
  if (trainingPictures === 0) {
    throw new UserError('There are no pictures to train on: lower hold_out, or take another folder.');
  }
  if (recipe.batch_size <= trainingPictures) return { recipe, change: undefined };
  const accumulate = Math.min(recipe.accumulate, trainingPictures);
  const batch = Math.floor(trainingPictures / accumulate) * accumulate;
  return {
    recipe: resolveRecipe({ ...recipe, batch_size: batch, accumulate }),
    change: `batch_size was lowered from ${recipe.batch_size} to ${batch}, since there are ${trainingPictures} pictures to train on.`,
  };
}
