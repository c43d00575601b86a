/** What is worth knowing about a recipe that can be. */
import { drawMask, maskOptionsOf, type Recipe } from '../ibot';
import type { Result } from '../protocol';
import { Purpose, Random } from '../random';

/** Masks that are drawn to see whether any hides a patch, and how many patches they may have in all. */
const MOST_DRAWS = 1000;
const MOST_PATCHES = 1 << 22;

/** What forbids nothing and is worth knowing. */
export function notesOf(
  recipe: Recipe,
  given: Readonly<Record<string, unknown>>,
  situation: { readonly side: number; readonly heldOutPictures: number },
): Result<'recipes.check'>['notes'] {
  const { pred_ratio, pred_ratio_var } = recipe;
  const wanted = pred_ratio.some((ratio, i) => ratio + pred_ratio_var[i]! > 0);
  const masks = wanted && masksAnything(recipe);
  const notes: (readonly [about: string[], applies: boolean, message: string])[] = [
    [['pred_ratio'], !wanted, 'pred_ratio is 0, so nothing is masked and the loss of patches stays 0.'],
    [
      recipe.pred_shape === 'block' ? ['pred_ratio', 'pred_aspect_ratio'] : ['pred_ratio'],
      wanted && !masks,
      emptyMasks(recipe),
    ],
    [
      ['use_masked_im_modeling', 'pred_ratio'],
      masks && !recipe.use_masked_im_modeling,
      'Masked patches are not hidden from the student: it guesses patches that it sees.',
    ],
    [
      ['lambda2'],
      masks && recipe.lambda2 === 0,
      'The loss of masked patches has weight 0, so masking costs time and teaches nothing.',
    ],
    [
      ['pred_start_epoch'],
      masks && recipe.pred_start_epoch >= recipe.epochs,
      'Masks begin after the last epoch, so nothing is masked.',
    ],
    [
      ['teacher_temp'],
      Math.max(recipe.teacher_temp, recipe.teacher_patch_temp) > 0.07,
      'A teacher temperature above 0.07 is mostly unstable.',
    ],
    [
      ['momentum_teacher'],
      recipe.momentum_teacher === 1,
      'With a momentum of 1 the teacher never changes: the student learns from a network that has learned nothing.',
    ],
    [
      ['koleo_weight', 'accumulate'],
      recipe.koleo_weight > 0 && recipe.accumulate > 1,
      `KoLeo compares within each of the ${recipe.accumulate} parts of a batch, so another number of parts gives another result.`,
    ],
    [
      ['centering', 'accumulate'],
      recipe.centering === 'sinkhorn_knopp' && recipe.accumulate > 1,
      `Sinkhorn–Knopp spreads each of the ${recipe.accumulate} parts of a batch, so another number of parts gives another result.`,
    ],
    [
      ['global_crops_size'],
      recipe.global_crops_size > 1.25 * situation.side,
      `Half of the pictures are at most ${situation.side} pixels high or wide: larger crops are enlarged and show nothing more.`,
    ],
    [
      ['knn_every'],
      recipe.knn_every > 0 && situation.heldOutPictures === 0,
      'No pictures are held out, so nothing can be measured during training.',
    ],
    [
      ['hold_out'],
      Object.hasOwn(given, 'hold_out'),
      'Which pictures are held out is set with the dataset: hold_out changes nothing here.',
    ],
  ];
  return notes.filter(([, applies]) => applies).map(([about, , message]) => ({ options: about, message }));
}

/** Whether a patch is ever hidden: blocks that do not suit the grid, and less than one patch, come to nothing. */
function masksAnything(recipe: Recipe): boolean {
  const options = maskOptionsOf(recipe);
  const draws = Math.max(1, Math.min(MOST_DRAWS, Math.floor(MOST_PATCHES / (options.rows * options.columns))));
  for (let i = 0; i < draws; i++) {
    if (drawMask(options, new Random(recipe.seed, Purpose.mask, 0, i)).includes(1)) return true;
  }
  return false;
}

function emptyMasks({ global_crops_size, patch_size, pred_shape }: Recipe): string {
  const side = global_crops_size / patch_size;
  const why = pred_shape === 'block' ? 'blocks of this size and aspect ratio find no place' : 'this share is less than one patch';
  return `With ${side} × ${side} patches in a crop ${why}, so nothing is masked and the loss of patches stays 0.`;
}
