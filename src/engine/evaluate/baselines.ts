/**
 * What there is without any learning, so that nobody overclaims: k-NN on raw pixels, and the network before its first
 * step.
 */
import type { Gpu } from '../gpu';
import type { Network } from '../ibot';
import { ParameterSet, vitParameters } from '../nn';

/** Side of the pictures for raw-pixel k-NN. */
export const PIXEL_BASELINE_SIZE = 24;

/** Raw pixels as features: [pictures, 3·size²] in 0 … 1, minus the mean training picture. Both sets at once. */
export function centredPixels(
  train: readonly Uint8Array[],
  test: readonly Uint8Array[],
): { train: Float32Array; test: Float32Array; dimension: number } {
  const dimension = train[0]?.length ?? test[0]?.length ?? 1;
  const mean = new Float64Array(dimension);
  for (const picture of train) for (let i = 0; i < dimension; i++) mean[i]! += picture[i]! / train.length;
  const centred = (pictures: readonly Uint8Array[]): Float32Array => {
    const rows = new Float32Array(pictures.length * dimension);
    pictures.forEach((picture, n) => {
      for (let i = 0; i < dimension; i++) rows[n * dimension + i] = (picture[i]! - mean[i]!) / 255;
    });
    return rows;
  };
  return { train: centred(train), test: centred(test), dimension };
}

/** The backbone as a run with this seed starts, in memory of its own on the device; destroy its `values`. */
export function untrainedBackbone(gpu: Gpu, network: Network, seed: number): ParameterSet {
  // Values are drawn by place, and the backbone comes first: without the head they are the same.
  const set = new ParameterSet(vitParameters(network.config.backbone, 'backbone.'), 'untrained');
  const flat = set.initialise(seed);
  set.values.buffer = gpu.createBuffer(set.values.bytes, set.values.label);
  gpu.device.queue.writeBuffer(set.values.buffer, 0, flat.buffer, flat.byteOffset, flat.byteLength);
  return set;
}
