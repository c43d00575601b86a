/** PBM, PGM and PPM (P1 … P6, first picture of the file) to RGB. Format: netpbm's man pages pbm, pgm, ppm. */
import { PictureError } from './problems';
import type { Raster } from './resample';

/**
 * @param checkSize throws when width × height is more than is allowed; called before anything is allocated.
 * @throws PictureError
 */
export function decodePnm(bytes: Uint8Array, checkSize: (width: number, height: number) => void): Raster {
  const reader = new Reader(bytes);
  const kind = bytes[1]! - 0x30;
  const width = reader.number();
  const height = reader.number();
  const isBitmap = kind === 1 || kind === 4;
  const maximum = isBitmap ? 1 : reader.number();
  if (width < 1 || height < 1 || maximum < 1 || maximum > 65535) throw new PictureError('damaged file');
  checkSize(width, height);
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const samples = width * height * channels;
  if (kind > 3) reader.skipOne();
  if (reader.left < smallestLength(kind, width, height, samples, maximum)) throw new PictureError('truncated file');
  const next = sampler(kind, reader, maximum);

  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        const sample = next();
        if (sample > maximum) throw new PictureError('damaged file');
        // A bitmap's 1 is black.
        data[at + c] = isBitmap ? (1 - sample) * 255 : Math.round((sample * 255) / maximum);
      }
      if (channels === 1) data[at + 1] = data[at + 2] = data[at]!;
      at += 3;
    }
    if (kind === 4) reader.endRow();
  }
  return { width, height, channels: 3, data };
}

function smallestLength(kind: number, width: number, height: number, samples: number, maximum: number): number {
  if (kind === 1) return samples;
  if (kind < 4) return samples * 2 - 1;
  if (kind === 4) return Math.ceil(width / 8) * height;
  return maximum > 255 ? samples * 2 : samples;
}

function sampler(kind: number, reader: Reader, maximum: number): () => number {
  if (kind === 1) return () => reader.digit();
  if (kind < 4) return () => reader.number();
  if (kind === 4) return () => reader.bit();
  return maximum > 255 ? () => reader.byte() * 256 + reader.byte() : () => reader.byte();
}

const isSpace = (byte: number | undefined): boolean => byte === 32 || (byte !== undefined && byte >= 9 && byte <= 13);
const isDigit = (byte: number | undefined): byte is number => byte !== undefined && byte >= 0x30 && byte <= 0x39;

class Reader {
  private at = 2;
  private bits = 0;
  private held = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** The one white space between the header and binary samples. */
  skipOne(): void {
    this.at++;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new PictureError('truncated file');
    return value;
  }

  bit(): number {
    if (this.held === 0) {
      this.bits = this.byte();
      this.held = 8;
    }
    return (this.bits >> --this.held) & 1;
  }

  /** Rows of packed bits end at a byte. */
  endRow(): void {
    this.held = 0;
  }

  /** The next decimal number, after white space and comments. */
  number(): number {
    this.skipSpace();
    let value = 0;
    const start = this.at;
    for (let byte = this.bytes[this.at]; isDigit(byte); byte = this.bytes[++this.at]) value = value * 10 + (byte - 0x30);
    if (this.at === start) throw new PictureError(this.left > 0 ? 'damaged file' : 'truncated file');
    return value;
  }

  /** A single 0 or 1: in P1 they may stand without spaces. */
  digit(): number {
    this.skipSpace();
    return this.byte() - 0x30 === 0 ? 0 : this.bytes[this.at - 1] === 0x31 ? 1 : 2;
  }

  private skipSpace(): void {
    for (;;) {
      const byte = this.bytes[this.at];
      if (byte === 0x23) this.skipLine();
      else if (isSpace(byte)) this.at++;
      else return;
    }
  }

  private skipLine(): void {
    while (this.at < this.bytes.length && this.bytes[this.at] !== 10 && this.bytes[this.at] !== 13) this.at++;
  }
}
