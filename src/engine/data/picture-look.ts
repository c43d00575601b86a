/** A first look at a file for the index: what it is, how large, whether it can be read whole, and what is odd about it. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import sharp, { type Metadata } from 'sharp';
import { decodePicture, readPictureFile, type DecodedPicture, type DecodeOptions } from './decode';
import { readExif } from './exif';
import { pictureKind } from './picture-kind';
import { pictureHash } from './picture-hash';
import { PictureError } from './problems';
import { readablePart } from './readable-part';
import { encodeFitting } from './picture-view';

/** Formats by number, as the index keeps them: add at the end. */
export const FORMATS = ['', 'JPEG', 'PNG', 'WebP', 'TIFF', 'GIF', 'AVIF', 'BMP', 'PNM', 'HEIC'] as const;
export type Format = (typeof FORMATS)[number];

/** Left out are files with one of these. */
export const UNREADABLE_KINDS = [
  'cut-short',
  'not-a-picture',
  'empty',
  'unknown-format',
  'no-permission',
  'too-large',
  'damaged',
] as const;
export type UnreadableKind = (typeof UNREADABLE_KINDS)[number];
export type OddKind = 'very-small' | 'very-long' | 'moving' | 'print-colours' | 'wrong-ending';

export interface PictureLook {
  /** Of the file as it was read. */
  readonly size: number;
  readonly modified: number;
  readonly format: Format;
  /** Upright; what the header says where the rest cannot be read, else 0. */
  readonly width: number;
  readonly height: number;
  /** Turned upright by EXIF. */
  readonly turned: boolean;
  readonly taken: number | null;
  /** First 16 bytes of the SHA-256 of the file. */
  readonly content: Uint8Array;
  readonly hash: readonly [low: number, high: number];
  readonly failure: { readonly kind: UnreadableKind | 'gone'; readonly message: string; readonly decoder: string } | null;
  readonly odd: readonly { readonly kind: OddKind; readonly message: string }[];
  /** WebP, where asked for. */
  readonly thumbnail: Uint8Array<ArrayBuffer> | null;
}

/** Under this shorter side there is little to learn from. */
export const VERY_SMALL = 64;
/** Beyond this ratio of the sides most crops show next to nothing. */
export const VERY_LONG = 5;

/**
 * @param thumbnail longer side of the thumbnail to make beside; 0: none
 * @throws LargePicture only; what is wrong with the picture is in the result
 */
export async function lookAtPicture(path: string, thumbnail: number, options: DecodeOptions): Promise<PictureLook> {
  const info = await stat(path).catch(() => undefined);
  const base = { size: info?.size ?? 0, modified: Math.floor(info?.mtimeMs ?? 0), content: new Uint8Array(16), odd: [] };
  const blank = { ...base, format: '', width: 0, height: 0, turned: false, taken: null, hash: [0, 0], thumbnail: null } as const;
  let bytes: Buffer;
  try {
    bytes = await readPictureFile(path);
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    return { ...blank, failure: failureOf(error.reason, path, Buffer.alloc(0)) };
  }
  const header = await headerOf(bytes);
  const known = {
    ...blank,
    ...header.facts,
    size: bytes.length,
    content: new Uint8Array(createHash('sha256').update(bytes).digest().subarray(0, 16)),
  };
  try {
    const picture = await decodePicture(bytes, {
      ...options,
      shrink: (width, height) => Math.max(width, height) / 512,
      header: header.metadata,
    });
    const { fullWidth: width, fullHeight: height } = picture;
    return {
      ...known,
      width,
      height,
      hash: pictureHash(picture),
      failure: null,
      odd: oddities(path, header.metadata, known.format, picture),
      thumbnail: thumbnail > 0 ? await encodeFitting(picture, thumbnail, 'webp') : null,
    };
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    const failure = failureOf(error.reason, path, bytes);
    if (failure.kind !== 'cut-short' && failure.kind !== 'damaged') return { ...known, failure };
    const part = await readablePart(bytes, 64).catch(() => undefined);
    if (!part || part.lines === 0) return { ...known, failure };
    const message = `Ends at line ${part.lines.toLocaleString('en')} of ${part.ofLines.toLocaleString('en')}`;
    return { ...known, failure: { ...failure, kind: 'cut-short', message } };
  }
}

/** What a picture is made of, for people: read when somebody asks. */
export interface PictureHeader {
  readonly format: Format;
  /** "8-bit RGB"; '' where nothing can be told. */
  readonly colours: string;
  readonly turned: boolean;
  readonly camera: string | null;
  readonly width: number;
  readonly height: number;
}

/** @throws PictureError when the file cannot be opened */
export async function readHeader(path: string): Promise<PictureHeader> {
  const bytes = await readPictureFile(path);
  const { facts, metadata } = await headerOf(bytes);
  const { camera } = readExif(metadata?.exif);
  return {
    format: facts.format,
    turned: facts.turned,
    camera,
    colours: colourWords(metadata),
    width: facts.width,
    height: facts.height,
  };
}

type Facts = Pick<PictureLook, 'format' | 'width' | 'height' | 'turned' | 'taken'>;

async function headerOf(bytes: Buffer): Promise<{ facts: Facts; metadata: Metadata | undefined }> {
  const none = { width: 0, height: 0, turned: false, taken: null };
  const kind = pictureKind(bytes);
  if (kind === 'bmp' || kind === 'pnm' || kind === 'heic') {
    return { facts: { ...none, format: kind.toUpperCase() as Format }, metadata: undefined };
  }
  if (kind === 'unknown') return { facts: { ...none, format: '' }, metadata: undefined };
  const metadata = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined);
  if (!metadata) return { facts: { ...none, format: '' }, metadata };
  const format = FORMATS.find((name) => name.toLowerCase() === (metadata.format === 'heif' ? 'avif' : metadata.format)) ?? '';
  const turned = (metadata.orientation ?? 1) > 1;
  const { width, height } = metadata.autoOrient;
  return { facts: { format, width, height, turned, taken: readExif(metadata.exif).taken }, metadata };
}

function colourWords(metadata: Metadata | undefined): string {
  if (!metadata) return '';
  const bits: Record<string, string> = { uchar: '8-bit', ushort: '16-bit', float: '32-bit' };
  const depth =
    metadata.bitsPerSample && metadata.bitsPerSample < 8 ? `${metadata.bitsPerSample}-bit` : bits[metadata.depth ?? ''];
  const isGrey = metadata.space === 'b-w' || metadata.space === 'grey16';
  const space = metadata.space === 'cmyk' ? 'CMYK' : isGrey ? 'grey' : 'RGB';
  const alpha = metadata.hasAlpha ? ' with transparency' : '';
  return `${depth ?? ''} ${metadata.isPalette ? 'palette' : space}${alpha}`.trim();
}

function oddities(path: string, metadata: Metadata | undefined, format: Format, picture: DecodedPicture): PictureLook['odd'] {
  const { fullWidth: width, fullHeight: height } = picture;
  const odd: { kind: OddKind; message: string }[] = [];
  if (Math.min(width, height) < VERY_SMALL) odd.push({ kind: 'very-small', message: `${width} × ${height} px` });
  const ratio = Math.max(width, height) / Math.min(width, height);
  if (ratio > VERY_LONG)
    odd.push({ kind: 'very-long', message: `${width} × ${height} px, ${ratio.toFixed(1)} times as long as wide` });
  const pages = metadata?.pages ?? 1;
  if (pages > 1) odd.push({ kind: 'moving', message: `${pages} pictures in one file, the first is used` });
  if (metadata?.space === 'cmyk') odd.push({ kind: 'print-colours', message: 'CMYK, turned into RGB' });
  const ending = path.slice(path.lastIndexOf('.') + 1).toLowerCase();
  if (format !== '' && !ENDINGS[format]?.includes(ending)) {
    odd.push({ kind: 'wrong-ending', message: `A ${format} saved as .${ending}` });
  }
  return odd;
}

const ENDINGS: Partial<Record<Format, readonly string[]>> = {
  JPEG: ['jpg', 'jpeg', 'jpe', 'jfif'],
  PNG: ['png'],
  WebP: ['webp'],
  TIFF: ['tif', 'tiff'],
  GIF: ['gif'],
  AVIF: ['avif'],
  BMP: ['bmp', 'dib'],
  PNM: ['pbm', 'pgm', 'ppm', 'pnm'],
};

/** The decoder's reason as one of the kinds, and in words. */
function failureOf(reason: string, path: string, bytes: Buffer): NonNullable<PictureLook['failure']> {
  const of = (kind: UnreadableKind | 'gone', message: string) => ({ kind, message, decoder: reason });
  if (reason === 'gone') return of('gone', 'Gone since the folder was read');
  if (reason === 'empty file') return of('empty', '0 bytes');
  if (reason === 'not a picture') return of('not-a-picture', notPicture(path, bytes));
  if (reason.startsWith('no permission')) return of('no-permission', 'This account may not open it');
  if (reason.startsWith('HEIC')) return of('unknown-format', 'HEIC');
  if (reason.startsWith('a kind of')) return of('unknown-format', capital(reason));
  if (reason.startsWith('larger') || reason.startsWith('takes too')) return of('too-large', capital(reason));
  if (reason === 'truncated file') return of('cut-short', 'Ends before the picture begins');
  return of('damaged', capital(reason));
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function notPicture(path: string, bytes: Buffer): string {
  const ending = path.slice(path.lastIndexOf('.'));
  const head = bytes.subarray(0, 512);
  const text = head.toString('utf8');
  if (/^\s*<(!doctype html|html|head|\?xml)/i.test(text)) {
    return /<svg/i.test(text) ? `An SVG drawing saved as ${ending}` : `A web page saved as ${ending}`;
  }
  if (/^\s*<svg/i.test(text)) return `An SVG drawing saved as ${ending}`;
  if (head.subarray(0, 4).toString('latin1') === '%PDF') return `A PDF saved as ${ending}`;
  if (head.subarray(0, 2).toString('latin1') === 'PK') return `An archive saved as ${ending}`;
  const isText = !/[\x00-\x08\x0e-\x1f\ufffd]/.test(text.slice(0, -3));
  return isText ? `Text saved as ${ending}` : 'Its first bytes are of no picture format';
}
