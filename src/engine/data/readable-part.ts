/** What can still be read of a picture whose file ends too early. */
import sharp, { type SharpOptions } from 'sharp';
import { pictureKind } from './picture-kind';
import { PictureError } from './problems';

export interface ReadablePart {
  /** RGBA at the size asked for; transparent where nothing could be read. */
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array<ArrayBuffer>;
  /** In lines of the file's own size, as stored (before it is turned upright). */
  readonly lines: number;
  readonly ofLines: number;
}

/**
 * Decodes as far as it goes. Decoders fill what is missing with one colour, so the even lines at the end count as missing; a
 * picture that really ends in one colour is told a little too short.
 * @param longest longer side of the result; Infinity: the full size
 * @throws PictureError when nothing can be read
 */
export async function readablePart(bytes: Buffer, longest: number): Promise<ReadablePart> {
  if (pictureKind(bytes) !== 'sharp') throw new PictureError('not a picture');
  const input: SharpOptions = { failOn: 'none', limitInputPixels: 100_000_000, pages: 1 };
  try {
    const { height: fullHeight } = await sharp(bytes, input).metadata();
    let image = sharp(bytes, input).toColourspace('srgb').removeAlpha();
    if (Number.isFinite(longest)) {
      image = image.resize({ width: longest, height: longest, fit: 'inside', withoutEnlargement: true, kernel: 'nearest' });
    }
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const rows = height - evenRows(data, width * channels, height, channels);
    const rgba = new Uint8Array(width * height * 4);
    for (let i = 0; i < width * rows; i++) {
      for (let c = 0; c < 3; c++) rgba[i * 4 + c] = data[i * channels + (channels < 3 ? 0 : c)]!;
      rgba[i * 4 + 3] = 255;
    }
    return { width, height, rgba, lines: Math.round((rows * fullHeight) / height), ofLines: fullHeight };
  } catch {
    throw new PictureError('nothing of it can be read');
  }
}

/** Lines at the end that have one colour, up to rounding. */
function evenRows(data: Uint8Array, rowLength: number, height: number, channels: number): number {
  const last = data.subarray(data.length - channels);
  let rows = 0;
  for (let y = height - 1; y >= 0; y--, rows++) {
    for (let i = 0; i < rowLength; i++) {
      if (Math.abs(data[y * rowLength + i]! - last[i % channels]!) > 2) return rows;
    }
  }
  return rows;
}
