/**
 * What is data about a step, computed on the host: masks, the rows they lead to, stochastic depth.
 * Nothing here makes a new plan.
 */
import { Purpose, Random } from '../random';
import { drawMask, type MaskOptions } from './masks';
import { maskedRows, type MaskedRows, type StepShape } from './masked-rows';

/**
 * Masks of a micro-batch's global crops, crop-major, keyed by (seed, epoch, picture): the same whatever the split into
 * micro-batches.
 */
export function drawMasks(
  options: MaskOptions,
  seed: number,
  epoch: number,
  indices: ArrayLike<number>,
  globalCrops: number,
): Uint8Array[] {
  const masks: Uint8Array[] = [];
  for (let crop = 0; crop < globalCrops; crop++) {
    for (let b = 0; b < indices.length; b++) {
      masks.push(drawMask(options, new Random(seed, Purpose.mask, epoch, indices[b]! * globalCrops + crop), epoch));
    }
  }
  return masks;
}

/**
 * Stochastic depth of a micro-batch: [2·depth, sequences], 0 or 1/(1 − rate), one decision per sample and branch
 * (timm's DropPath). Keyed by (seed, step, sequence in the whole batch); blocks with rate 0 draw nothing.
 * @param firstSample index of the micro-batch's first picture in the whole batch of `batchSize`
 */
export function drawDropPath(
  rates: readonly number[],
  seed: number,
  step: number,
  shape: Pick<StepShape, 'batch' | 'globalCrops' | 'localCrops'>,
  firstSample: number,
  batchSize: number,
): Float32Array {
  const sequences = (shape.globalCrops + shape.localCrops) * shape.batch;
  const table = new Float32Array(2 * rates.length * sequences).fill(1);
  if (!rates.some((r) => r > 0)) return table;
  for (let s = 0; s < sequences; s++) {
    const crop = Math.floor(s / shape.batch);
    const sample = firstSample + (s % shape.batch);
    const random = new Random(seed, Purpose.dropPath, step, crop * batchSize + sample);
    rates.forEach((rate, block) => {
      if (rate === 0) return;
      for (let branch = 0; branch < 2; branch++) {
        table[(2 * block + branch) * sequences + s] = random.uniform() < rate ? 0 : 1 / (1 - rate);
      }
    });
  }
  return table;
}

/** The sequence of each token row, for the epilogue that scales rows. Constant for a plan. */
export function sequenceOfRows(shape: StepShape): Uint32Array {
  const { batch, globalCrops, localCrops, globalPatches, localPatches } = shape;
  const globalRows = globalCrops * batch * (globalPatches + 1);
  const localRows = localCrops * batch * (localPatches + 1);
  const map = new Uint32Array(globalRows + localRows);
  for (let i = 0; i < globalRows; i++) map[i] = Math.floor(i / (globalPatches + 1));
  for (let i = 0; i < localRows; i++) map[globalRows + i] = globalCrops * batch + Math.floor(i / (localPatches + 1));
  return map;
}

export { maskedRows, type MaskedRows, type StepShape };
