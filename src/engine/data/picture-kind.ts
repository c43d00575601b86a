/** What a file is, by its first bytes: extensions lie. */

export type PictureKind = 'sharp' | 'bmp' | 'pnm' | 'heic' | 'unknown';

const text = (bytes: Uint8Array, from: number, to: number): string => Buffer.from(bytes.subarray(from, to)).toString('latin1');

/** 'sharp' stands for the formats that sharp decodes and that we accept: JPEG, PNG, GIF, WebP, TIFF, AVIF. */
export function pictureKind(bytes: Uint8Array): PictureKind {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'sharp';
  if (text(bytes, 0, 4) === '\x89PNG' || text(bytes, 0, 4) === 'GIF8') return 'sharp';
  if (text(bytes, 0, 4) === 'RIFF' && text(bytes, 8, 12) === 'WEBP') return 'sharp';
  // Classic and big TIFF in either byte order.
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(text(bytes, 0, 4))) return 'sharp';
  if (text(bytes, 4, 8) === 'ftyp') return heifKind(bytes);
  if (text(bytes, 0, 2) === 'BM') return 'bmp';
  if (/^P[1-6][\s#]/.test(text(bytes, 0, 3))) return 'pnm';
  return 'unknown';
}

/** The brands in the first box of an ISO media file. */
function heifKind(bytes: Uint8Array): PictureKind {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const brands: readonly string[] = text(bytes, 8, Math.min(length, 256)).match(/.{4}/gs) ?? [];
  if (brands.includes('avif') || brands.includes('avis')) return 'sharp';
  return brands.some((brand) => ['heic', 'heix', 'hevc', 'mif1', 'msf1'].includes(brand)) ? 'heic' : 'unknown';
}
