/** Features of many pictures: decoding ahead in threads, computing in batches, skipping what cannot be read. */
import { join } from 'node:path';
import { DecodePool, PictureError, type Problem } from '../data';
import { UserError } from '../errors';
import { featureBatches, FeatureExtractor, type FeatureBatch } from '../evaluate';
import type { Gpu } from '../gpu';
import { BindingTooLargeError } from '../graph';
import type { StoredModel } from './safetensors-model';

export interface FeatureRequest {
  gpu: Gpu;
  model: StoredModel;
  /** Pictures relative to `root`. */
  root: string;
  paths: readonly string[];
  /** Side of the pictures in pixels; a multiple of the patch. */
  size: number;
  patches?: boolean;
  allowBad?: boolean;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

const BATCH = 32;
/** Token rows of a batch: bounds the memory of large pictures. */
const MOST_TOKENS = 1 << 14;
const TOO_MANY_BAD = 0.1;

/** @throws UserError when `size` does not fit the model's patches. */
export function checkSize(size: number, patchSize: number): void {
  if (size > 0 && size % patchSize === 0) return;
  const near = Math.max(1, Math.round(size / patchSize)) * patchSize;
  throw new UserError(`A size of ${size} pixels is not a multiple of the model's patches of ${patchSize}: take ${near}.`);
}

/**
 * Their `indices` are places in the request's `paths`.
 * @throws UserError when `size` does not fit the model's patches or the device, or when too many pictures cannot be read
 */
export async function* pictureFeatures(
  request: FeatureRequest,
  problems: Problem[],
): AsyncGenerator<FeatureBatch, void, undefined> {
  const { gpu, model, root, paths, size, patches = false, allowBad = false, signal, onProgress } = request;
  checkSize(size, model.config.patchSize);
  const tokens = (size / model.config.patchSize) ** 2 + 1;
  const batch = Math.max(1, Math.min(BATCH, paths.length, Math.floor(MOST_TOKENS / tokens)));
  const { values } = model.parameters;
  values.buffer ??= gpu.createBuffer(values.bytes, values.label);
  gpu.device.queue.writeBuffer(values.buffer, 0, model.flat.buffer, model.flat.byteOffset, model.flat.byteLength);
  const { mean, std } = model;
  const made = FeatureExtractor.create(gpu, model.parameters, model.config, { size, batch, mean, std, patches });
  const extractor = await made.catch((error: unknown) => {
    if (!(error instanceof BindingTooLargeError)) throw error;
    throw new UserError(`Pictures of ${size} pixels are too large for this device and this model: give a smaller --size.`);
  });
  const pool = new DecodePool();
  const read = async (index: number): Promise<Uint8Array | undefined> => {
    try {
      return await pool.run({ kind: 'evaluation', path: join(root, paths[index]!), size });
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      problems.push({ path: paths[index]!, reason: error.reason });
      return undefined;
    }
  };
  try {
    yield* featureBatches(extractor, [...paths.keys()], read, onProgress, signal);
    if (problems.length === paths.length) throw new UserError(`None of the pictures in ${root} can be read.`);
    if (problems.length > TOO_MANY_BAD * paths.length && !allowBad) {
      const { path, reason } = problems[0]!;
      const what = `${problems.length} of ${paths.length} pictures in ${root} cannot be read (${path}: ${reason}, …)`;
      throw new UserError(`${what}: repair or remove them, or go on with --allow-bad.`);
    }
  } finally {
    await pool.close();
    extractor.destroy();
  }
}

/** The lines that tell about skipped pictures. */
export function describeProblems(problems: readonly Problem[], most = 5): string[] {
  if (problems.length === 0) return [];
  const lines = problems.slice(0, most).map(({ path, reason }) => `  ${JSON.stringify(path)}: ${reason}`);
  const more = problems.length > most ? [`  … and ${problems.length - most} more`] : [];
  const these = problems.length === 1 ? '1 picture could not be read and was' : `${problems.length} pictures could not be read and were`;
  return [`${these} left out:`, ...lines, ...more];
}
