/**
 * Which patches of a crop are hidden from the student (paper section 3.1; the procedure is that of the original's
 * loader.py, whose block-wise masks follow BEiT, arXiv 2106.08254, algorithm 1).
 */
import type { Random } from '../random';

/** The recipe's mask options, under the original's names, and the crop's grid: `{ ...recipe, rows, columns }`. */
export interface MaskOptions {
  /** The crop's grid of patches. */
  rows: number;
  columns: number;
  /** Shares of masked patches, 0 … 1. Each crop takes one of the entries, all equally likely. */
  pred_ratio: readonly number[];
  /** Half-width of the uniform draw around each entry: one value per entry, or one for all. */
  pred_ratio_var: readonly number[];
  /** `block`: rectangles; `rand`: single patches anywhere. */
  pred_shape: 'block' | 'rand';
  /** The two bounds of a rectangle's rows / columns, drawn log-uniformly. */
  pred_aspect_ratio: readonly number[];
  /** Before this epoch (counted from 0) nothing is masked. */
  pred_start_epoch: number;
}

const varianceOf = (options: MaskOptions, entry: number): number =>
  (options.pred_ratio_var.length === 1 ? options.pred_ratio_var[0] : options.pred_ratio_var[entry]) ?? 0;

/** Every entry is drawn, then one is chosen, so that [0, 0.3] leaves half of the crops whole. */
function drawRatio(options: MaskOptions, random: Random, epoch: number): number {
  if (epoch < options.pred_start_epoch) return 0;
  const drawn = options.pred_ratio.map((ratio, entry) => {
    const variance = varianceOf(options, entry);
    return variance > 0 ? random.between(ratio - variance, ratio + variance) : ratio;
  });
  return drawn.length === 1 ? drawn[0]! : drawn[random.integer(drawn.length)]!;
}

/**
 * One crop's mask [rows · columns], 1 where masked. At most `maskCapacity` patches; none is possible. `epoch` counts
 * from 0; without it masks are drawn as after the start epoch.
 */
export function drawMask(options: MaskOptions, random: Random, epoch = Infinity): Uint8Array {
  const { rows, columns } = options;
  const wanted = drawRatio(options, random, epoch) * rows * columns;
  return options.pred_shape === 'rand' ? drawScattered(rows * columns, wanted, random) : drawBlocks(options, wanted, random);
}

/** Exactly ⌊wanted⌋ patches, every choice of them equally likely. */
function drawScattered(patches: number, wanted: number, random: Random): Uint8Array {
  const mask = new Uint8Array(patches);
  const order = random.permutation(patches);
  for (let i = 0; i < Math.floor(wanted); i++) mask[order[i]!] = 1;
  return mask;
}

/**
 * Rectangles until `wanted` patches (a fraction, never rounded) are masked. A rectangle must add at least one patch
 * and no more than are missing; ten misses in a row end the mask, which is why it usually stays below its ratio.
 */
function drawBlocks(options: MaskOptions, wanted: number, random: Random): Uint8Array {
  const { rows, columns } = options;
  const [lowest, highest] = options.pred_aspect_ratio.map(Math.log) as [number, number];
  const smallestArea = Math.floor(Math.min(rows, columns) / 3) ** 2;
  const mask = new Uint8Array(rows * columns);
  let masked = 0;
  let misses = 0;
  while (masked < wanted && misses < 10) {
    const missing = wanted - masked;
    // Near the end the lower bound exceeds the upper one; the draw then still lies between the two.
    const area = random.between(smallestArea, missing);
    const aspect = Math.exp(random.between(lowest, highest));
    const height = Math.round(Math.sqrt(area * aspect));
    const width = Math.round(Math.sqrt(area / aspect));
    const added = width < columns && height < rows ? placeBlock(mask, rows, columns, height, width, missing, random) : 0;
    masked += added;
    misses = added > 0 ? 0 : misses + 1;
  }
  return mask;
}

/** Masks one rectangle at a random place if it suits; returns how many patches it added. */
function placeBlock(
  mask: Uint8Array,
  rows: number,
  columns: number,
  height: number,
  width: number,
  most: number,
  random: Random,
): number {
  const top = random.integer(rows - height + 1);
  const left = random.integer(columns - width + 1);
  let added = height * width;
  for (let row = top; row < top + height; row++) {
    for (let column = left; column < left + width; column++) added -= mask[row * columns + column]!;
  }
  if (added <= 0 || added > most) return 0;
  for (let row = top; row < top + height; row++) mask.fill(1, row * columns + left, row * columns + left + width);
  return added;
}

/** The most patches that `drawMask` can mask in one crop of this grid: what row capacities are made of. */
export function maskCapacity(options: MaskOptions): number {
  const { rows, columns } = options;
  const largest = options.pred_ratio.map((ratio, entry) => (ratio + varianceOf(options, entry)) * rows * columns);
  return Math.min(rows * columns, Math.floor(Math.max(...largest)));
}
