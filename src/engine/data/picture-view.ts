/** Pictures for looking at: thumbnails and larger views as files for a browser, and small ones as numbers. */
import sharp from 'sharp';
import { decodePicture, readPictureFile, type DecodedPicture, type DecodeOptions } from './decode';
import { readablePart } from './readable-part';
import type { Raster } from './resample';

export type ViewType = 'webp' | 'jpeg';

/** The picture with its longer side at most `longest`, never enlarged. */
export async function encodeFitting(picture: Raster, longest: number, type: ViewType): Promise<Uint8Array<ArrayBuffer>> {
  const { width, height, data } = picture;
  const fitting = sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false }).resize({
    width: longest,
    height: longest,
    fit: 'inside',
    withoutEnlargement: true,
  });
  return new Uint8Array(
    await (type === 'webp' ? fitting.webp({ quality: 80, effort: 2 }) : fitting.jpeg({ quality: 90 })).toBuffer(),
  );
}

const decodeFor = async (path: string, longest: number, options: DecodeOptions): Promise<DecodedPicture> =>
  decodePicture(await readPictureFile(path), { ...options, shrink: (width, height) => Math.max(width, height) / longest });

/** @throws PictureError, LargePicture */
export async function viewPicture(
  path: string,
  longest: number,
  type: ViewType,
  options: DecodeOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  return encodeFitting(await decodeFor(path, longest, options), longest, type);
}

/** What could be read of a broken file, as PNG in full size, the rest transparent. @throws PictureError */
export async function viewPart(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const { width, height, rgba } = await readablePart(await readPictureFile(path), Infinity);
  return new Uint8Array(
    await sharp(rgba, { raw: { width, height, channels: 4 } })
      .png({ compressionLevel: 3 })
      .toBuffer(),
  );
}

/** The middle of the picture, filling width × height. RGB, 8 bits. @throws PictureError, LargePicture */
export async function smallPicture(
  path: string,
  width: number,
  height: number,
  options: DecodeOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const full = await decodeFor(path, 2 * Math.max(width, height), options);
  const raw = { width: full.width, height: full.height, channels: 3 } as const;
  return new Uint8Array(await sharp(full.data, { raw }).resize({ width, height, fit: 'cover' }).raw().toBuffer());
}
