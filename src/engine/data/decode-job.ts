/** What a decoding worker does. Jobs and results are plain values, so that they can travel between threads. */
import { drawCrops, largestShrink, type CropOptions } from './crops';
import { decodePicture, readPictureFile } from './decode';
import { readForEvaluation, readThumbnail, type ReadOptions } from './evaluation-reader';
import { lookAtPicture, readHeader, type PictureHeader, type PictureLook } from './picture-look';
import { smallPicture, viewPart, viewPicture, type ViewType } from './picture-view';
import { readablePart, type ReadablePart } from './readable-part';
import { sampleFile, type SampleKey } from './sample';

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

/** A first look for the index; `thumbnail`: longer side of one to make beside, 0 for none. */
export interface LookJob {
  readonly kind: 'look';
  readonly path: string;
  readonly thumbnail: number;
  readonly pixelCap?: number;
}

/** A file to show, longer side at most `size`. */
export interface ViewJob {
  readonly kind: 'view';
  readonly path: string;
  readonly size: number;
  readonly type: ViewType;
  readonly pixelCap?: number;
}

/** part-view: what can be read of a broken file, as PNG · part: the same in small, as numbers · header: what it is made of. */
export interface PathJob {
  readonly kind: 'part-view' | 'part' | 'header';
  readonly path: string;
  readonly pixelCap?: number;
}

/** The middle as small numbers: [height, width, 3]. */
export interface SmallJob {
  readonly kind: 'small';
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly pixelCap?: number;
}

/** A picture that is drawn in place of decoded, as JPEG. */
export interface SampleJob {
  readonly kind: 'sample';
  readonly key: SampleKey;
  readonly size: number;
  readonly pixelCap?: number;
}

export type DecodeJob = CropJob | SquareJob | LookJob | ViewJob | PathJob | SmallJob | SampleJob;

/** Longer side of the part of a broken file that is shown in small. */
const PART_SIDE = 512;

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
  readonly look: PictureLook;
  readonly view: Uint8Array<ArrayBuffer>;
  readonly 'part-view': Uint8Array<ArrayBuffer>;
  readonly part: ReadablePart;
  readonly header: PictureHeader;
  readonly small: Uint8Array<ArrayBuffer>;
  readonly sample: Uint8Array<ArrayBuffer>;
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
    case 'look':
      return lookAtPicture(job.path, job.thumbnail, limit);
    case 'view':
      return viewPicture(job.path, job.size, job.type, limit);
    case 'part-view':
      return viewPart(job.path);
    case 'part':
      return readablePart(await readPictureFile(job.path), PART_SIDE);
    case 'header':
      return readHeader(job.path);
    case 'small':
      return smallPicture(job.path, job.width, job.height, limit);
    case 'sample':
      return sampleFile(job.key, job.size);
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

/** The buffers to hand over instead of copying them. */
export function buffersOf(result: DecodeResult): ArrayBuffer[] {
  if (result instanceof Uint8Array) return [result.buffer];
  if ('words' in result) return [result.words.buffer];
  if ('rgba' in result) return [result.rgba.buffer];
  return 'thumbnail' in result && result.thumbnail ? [result.thumbnail.buffer] : [];
}
