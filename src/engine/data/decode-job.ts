/** What a decoding worker does. Jobs and results are plain values, so that they can travel between threads. */
import { drawCrops, largestShrink, type CropOptions } from './crops';
import { decodePicture, readPictureFile } from './decode';
import { readForEvaluation, readThumbnail, type ReadOptions } from './evaluation-reader';

/** Pixels of a training picture at most: a crop of a quarter of it still has 256². */
export const PICTURE_PIXELS = 512 * 512;

/** Pictures up to so many pixels are not shrunk for their crops, so that one decoding serves every epoch. */
export const reusablePixels = (maxPixels: number): number => Math.min(PICTURE_PIXELS, maxPixels);

/** A picture for training, shrunk as far as its crops allow. */
export interface CropJob {
  readonly kind: 'crops';
  readonly path: string;
  readonly expectedSize: number;
  readonly pixelCap?: number;
  readonly maxPixels: number;
  readonly options: CropOptions;
  readonly seed: number;
  readonly epoch: number;
  readonly pictureIndex: number;
}

/** A square for evaluation ([size, size, 3]): the evaluation transform, or a thumbnail for raw-pixel k-NN. */
export interface SquareJob {
  readonly kind: 'evaluation' | 'thumbnail';
  readonly path: string;
  readonly size: number;
  readonly pixelCap?: number;
}

export type DecodeJob = CropJob | SquareJob;

/** Pixels of the device's form: r | g << 8 | b << 16. */
export interface PackedPicture {
  readonly width: number;
  readonly height: number;
  readonly fullWidth: number;
  readonly fullHeight: number;
  readonly words: Uint32Array<ArrayBuffer>;
}

export interface DecodeResults {
  readonly crops: PackedPicture;
  readonly evaluation: Uint8Array<ArrayBuffer>;
  readonly thumbnail: Uint8Array<ArrayBuffer>;
}
export type DecodeResult = DecodeResults[keyof DecodeResults];

/**
 * @param isAlone no other large picture is being decoded.
 * @throws PictureError; LargePicture for one that has to wait until it is alone.
 */
export async function runDecodeJob(job: DecodeJob, isAlone: boolean): Promise<DecodeResult> {
  const limit = { refuseLarge: !isAlone, ...(job.pixelCap === undefined ? {} : { pixelCap: job.pixelCap }) };
  switch (job.kind) {
    case 'evaluation':
      return new Uint8Array(await readForEvaluation(job.path, job.size, limit));
    case 'thumbnail':
      return new Uint8Array(await readThumbnail(job.path, job.size, limit));
    case 'crops':
      return decodeForCrops(job, limit);
  }
}

async function decodeForCrops(job: CropJob, limit: ReadOptions): Promise<PackedPicture> {
  const { options, seed, epoch, pictureIndex } = job;
  const reusable = reusablePixels(job.maxPixels);
  const picture = await decodePicture(await readPictureFile(job.path, job.expectedSize), {
    ...limit,
    maxPixels: job.maxPixels,
    shrink: (width, height) =>
      width * height <= reusable ? 1 : largestShrink(drawCrops(options, seed, epoch, pictureIndex, width, height)),
  });
  const { width, height, fullWidth, fullHeight, data } = picture;
  const words = new Uint32Array(width * height);
  for (let i = 0, at = 0; i < words.length; i++, at += 3) {
    words[i] = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16);
  }
  return { width, height, fullWidth, fullHeight, words };
}

/** The buffer to hand over instead of copying it. */
export function bufferOf(result: DecodeResult): ArrayBuffer {
  return result instanceof Uint8Array ? result.buffer : result.words.buffer;
}
