/**
 * One picture file to upright 8-bit RGB. The content decides what the file is; transparency is dropped, as the
 * original's `convert('RGB')` does; embedded colour profiles are ignored as there, except for CMYK.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import sharp, { type Metadata, type Sharp, type SharpOptions } from 'sharp';
import { decodeBmp } from './bmp';
import { pictureKind } from './picture-kind';
import { decodePnm } from './pnm';
import { fileReason, PictureError } from './problems';
import type { Raster } from './resample';

/** Pixels of the largest picture that is decoded unless the caller says otherwise. */
const DEFAULT_PIXEL_CAP = 100_000_000;
/** Above this, decoding takes hundreds of megabytes in the formats that need the whole picture at once. */
const LARGE_PIXELS = 16_000_000;
/** Larger files are not pictures of at most `DEFAULT_PIXEL_CAP` pixels in any format that is read here. */
const LARGEST_FILE = 1 << 30;
/** Nothing honest takes this long. */
const TIME_LIMIT_SECONDS = 300;

// Each picture is decoded once and by one thread: the pool is what runs side by side.
sharp.concurrency(1);
sharp.cache(false);

export interface DecodeOptions {
  /** Pictures with more pixels are refused before they are decoded. */
  readonly pixelCap?: number;
  /** How many times smaller each side may become, given the upright full size; the power of two below is used. */
  readonly shrink?: (width: number, height: number) => number;
  /** The result has at most so many pixels, at the price of sharpness. */
  readonly maxPixels?: number;
  /** Throws `LargePicture` in place of decoding one. */
  readonly refuseLarge?: boolean;
  /** What sharp says of the file's header, where that was asked already: for small pictures a good part of the work. */
  readonly header?: Metadata | undefined;
}

/** The picture may take much memory to decode: to be decoded while no other such picture is. */
export class LargePicture extends Error {}

export interface DecodedPicture extends Raster {
  readonly channels: 3;
  /** Upright, before shrinking. */
  readonly fullWidth: number;
  readonly fullHeight: number;
}

/**
 * Reads a whole file.
 * @param expectedSize bytes it had when the run began: a file of another size is another picture.
 * @throws PictureError
 */
export async function readPictureFile(path: string, expectedSize?: number): Promise<Buffer> {
  try {
    // Without O_NONBLOCK, opening a pipe that took the picture's name would wait for ever.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const info = await file.stat();
      if (!info.isFile()) throw new PictureError('not a file');
      if (info.size === 0) throw new PictureError('empty file');
      if (info.size > LARGEST_FILE) throw new PictureError('larger than 1 GiB');
      if (expectedSize !== undefined && info.size !== expectedSize) throw new PictureError('changed since the run began');
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof PictureError ? error : new PictureError(fileReason(error));
  }
}

/**
 * Decodes the first picture of a file's content.
 * @throws PictureError with a short plain reason.
 */
export async function decodePicture(bytes: Buffer, options: DecodeOptions = {}): Promise<DecodedPicture> {
  const pixelCap = options.pixelCap ?? DEFAULT_PIXEL_CAP;
  const checkSize = (width: number, height: number, isStreamed = false): void => {
    if (width * height > pixelCap) throw new PictureError(`larger than the limit of ${pixelCap} pixels (${width} × ${height})`);
    if (options.refuseLarge && !isStreamed && width * height > LARGE_PIXELS) throw new LargePicture();
  };
  switch (pictureKind(bytes)) {
    case 'bmp':
      return shrinkRaster(decodeBmp(bytes, checkSize), options);
    case 'pnm':
      return shrinkRaster(decodePnm(bytes, checkSize), options);
    case 'sharp':
      try {
        return await decodeWithSharp(bytes, options, checkSize);
      } catch (error) {
        throw error instanceof PictureError || error instanceof LargePicture ? error : new PictureError(sharpReason(error));
      }
    case 'heic':
      throw new PictureError('HEIC is not supported: convert it to JPEG or AVIF');
    case 'unknown':
      throw new PictureError('not a picture');
  }
}

async function decodeWithSharp(
  bytes: Buffer,
  options: DecodeOptions,
  checkSize: (width: number, height: number, isStreamed: boolean) => void,
): Promise<DecodedPicture> {
  // The header's size is checked here, against our own limit, before anything is decoded.
  const input: SharpOptions = { failOn: 'error', limitInputPixels: false, sequentialRead: true, pages: 1 };
  const header = options.header ?? (await sharp(bytes, input).metadata());
  const { width: fullWidth, height: fullHeight } = header.autoOrient;
  // What cameras write is decoded line by line and takes little memory.
  checkSize(fullWidth, fullHeight, header.format === 'jpeg' && !header.isProgressive);
  const target = targetSize(fullWidth, fullHeight, options);
  const isSmaller = target.width < fullWidth || target.height < fullHeight;
  const upright = sharp(bytes, { ...input, ignoreIcc: header.space !== 'cmyk' })
    .autoOrient()
    .toColourspace('srgb')
    .removeAlpha()
    .timeout({ seconds: TIME_LIMIT_SECONDS });
  if (isSmaller && header.hasAlpha) {
    // sharp multiplies colours by alpha before it resizes, which would blacken what is transparent: drop alpha first.
    return shrinkRaster(await toRaster(upright), options);
  }
  const resized = isSmaller ? upright.resize({ ...target, fit: 'fill', kernel: 'cubic' }) : upright;
  return { ...(await toRaster(resized)), channels: 3, fullWidth, fullHeight };
}

async function toRaster(image: Sharp): Promise<Raster & { channels: 3 }> {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new PictureError(`a kind of picture that is not supported (${info.channels} channels)`);
  return { width: info.width, height: info.height, channels: 3, data };
}

async function shrinkRaster(full: Raster, options: DecodeOptions): Promise<DecodedPicture> {
  const target = targetSize(full.width, full.height, options);
  const sizes = { fullWidth: full.width, fullHeight: full.height };
  if (target.width === full.width && target.height === full.height) return { ...full, ...sizes, channels: 3 };
  const raw = { width: full.width, height: full.height, channels: 3 } as const;
  const resized = sharp(full.data, { raw, limitInputPixels: false }).resize({ ...target, fit: 'fill', kernel: 'cubic' });
  return { ...(await toRaster(resized)), ...sizes };
}

/** Rounding up keeps every crop's box at least as large as was asked for, and is what JPEG's shrink on load gives. */
function targetSize(width: number, height: number, options: DecodeOptions): { width: number; height: number } {
  const allowed = options.shrink?.(width, height) ?? 1;
  const factor = 2 ** Math.max(0, Math.floor(Math.log2(allowed)));
  return fitPixels(Math.ceil(width / factor), Math.ceil(height / factor), options.maxPixels ?? Infinity);
}

/** The largest size of the same shape (about: at least 1 × 1) with at most `maxPixels` pixels. */
function fitPixels(width: number, height: number, maxPixels: number): { width: number; height: number } {
  if (width * height <= maxPixels) return { width, height };
  const ratio = Math.sqrt(maxPixels / (width * height));
  const across = Math.max(1, Math.floor(width * ratio));
  const down = Math.max(1, Math.floor(height * ratio));
  // Where one side is held at 1, the other must give more.
  return { width: Math.min(across, Math.max(1, Math.floor(maxPixels / down))), height: Math.min(down, maxPixels) };
}

/** libvips' message in words. Files whose first bytes are right but which cannot be read further are cut or damaged. */
function sharpReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/premature|truncat|unexpected end|end of file|outside of file|not enough|short read/i.test(message)) {
    return 'truncated file';
  }
  if (/pixel limit|too large|exceeds/i.test(message)) return 'larger than its format allows';
  if (/timeout/i.test(message)) return 'takes too long to decode';
  if (/out of memory|unable to allocate/i.test(message)) return 'takes too much memory to decode';
  return 'damaged or truncated file';
}
