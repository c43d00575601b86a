/** Floating-point operations of one picture's way through a training step, from the options alone. */
import { maskOptionsOf } from './from-recipe';
import type { Recipe } from './recipe';

/** Mean share of masked patches that the recipe draws (clipped at 0 and 1). */
function meanMaskedShare(recipe: Recipe): number {
  const { pred_ratio, pred_ratio_var } = maskOptionsOf(recipe);
  const shares = pred_ratio.map((ratio, i) => {
    const spread = pred_ratio_var[i] ?? pred_ratio_var[0] ?? 0;
    return Math.max(0, Math.min(1, ratio + Math.max(0, spread - ratio) / 2));
  });
  return shares.reduce((sum, x) => sum + x, 0) / shares.length;
}

/**
 * Products of the model itself: teacher forward, student forward and backward (twice the forward), head and loss.
 * Softmax, norms and augmentation are left out, they are small.
 */
export function flopsPerPicture(recipe: Recipe): number {
  const { embed_dim: d, patch_size: p, depth, mlp_ratio, head_layers, head_hidden_dim: h, head_bottleneck_dim: b } = recipe;
  const tokens = (size: number): number => (size / p) ** 2 + 1;
  const backbone = (size: number): number => {
    const n = tokens(size);
    const block = 2 * n * d * d * (4 + 2 * mlp_ratio) + 4 * n * n * d;
    return depth * block + 2 * n * d * 3 * p * p;
  };
  const mlp = 2 * (head_layers === 1 ? d * b : d * h + (head_layers - 2) * h * h + h * b);
  const last = 2 * b * recipe.out_dim;
  const { global_crops_number: globals, local_crops_number: locals } = recipe;
  const globalTokens = globals * tokens(recipe.global_crops_size);
  const masked = globals * (tokens(recipe.global_crops_size) - 1) * meanMaskedShare(recipe);
  const rows = globals + locals + masked;
  const teacher = globals * backbone(recipe.global_crops_size) + globalTokens * mlp + (globals + masked) * last;
  const student = globals * backbone(recipe.global_crops_size) + locals * backbone(recipe.local_crops_size) + rows * (mlp + last);
  return teacher + 3 * student;
}
