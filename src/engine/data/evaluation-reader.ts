/**
 * Pictures as evaluation sees them: torchvision's Resize of the short side and CenterCrop, with Pillow's bicubic.
 * Source: eval_knn.py (Resize 256, CenterCrop 224).
 */
import { decodePicture, readPictureFile, type DecodeOptions } from './decode';
import { resample, type Raster } from './resample';
import { roundHalfEven } from './rounding';

export type ReadOptions = Pick<DecodeOptions, 'pixelCap' | 'refuseLarge'>;

/** The original's 256 for 224, for any size. */
export function evaluationShortSide(size: number): number {
  return Math.round((size * 8) / 7);
}

/**
 * The short side to `shortSide` (the long one to floor(shortSide · long / short)), then the centre size × size.
 * @param full the upright picture's size before any shrinking; `picture` may be smaller.
 * @returns [size, size, 3], 8 bits.
 */
export function resizeAndCrop(
  picture: Raster,
  full: { readonly width: number; readonly height: number },
  size: number,
  shortSide: number,
): Uint8Array {
  const isWide = full.height <= full.width;
  const long = Math.trunc((shortSide * Math.max(full.width, full.height)) / Math.min(full.width, full.height));
  const width = isWide ? long : shortSide;
  const height = isWide ? shortSide : long;
  const left = roundHalfEven((width - size) / 2);
  const top = roundHalfEven((height - size) / 2);
  return resample(picture, width, height, { left, top, width: size, height: size }).data;
}

/**
 * The evaluation transform of one file: short side to size × 8/7, bicubic, centre crop.
 * @returns [size, size, 3], 8 bits.
 * @throws PictureError
 */
export function readForEvaluation(path: string, size: number, options: ReadOptions = {}): Promise<Uint8Array> {
  return readSquare(path, size, evaluationShortSide(size), options);
}

/** A small picture for the baseline of raw pixels: short side to `size`, centre crop. [size, size, 3], 8 bits. */
export function readThumbnail(path: string, size = 24, options: ReadOptions = {}): Promise<Uint8Array> {
  return readSquare(path, size, size, options);
}

async function readSquare(path: string, size: number, shortSide: number, options: ReadOptions): Promise<Uint8Array> {
  const picture = await decodePicture(await readPictureFile(path), {
    ...options,
    // Large pictures come in at twice the size at least, so that the last, exact step still decides.
    shrink: (width, height) => Math.min(width, height) / (2 * shortSide),
  });
  return resizeAndCrop(picture, { width: picture.fullWidth, height: picture.fullHeight }, size, shortSide);
}
