/**
 * Windows and OS/2 bitmaps to RGB: 1, 4, 8, 16, 24 and 32 bits, bit fields, run lengths, either direction. Alpha is
 * dropped. Format: Microsoft's "Bitmap Storage". (The decoders to be had misread 4 bits or run lengths.)
 */
import { PictureError } from './problems';
import type { Raster } from './resample';

const Compression = { none: 0, rle8: 1, rle4: 2, bitFields: 3, alphaBitFields: 6 } as const;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Where the pixels begin. */
  readonly offset: number;
  /** RGB triples. */
  readonly palette: Uint8Array;
  /** Bit masks of red, green, blue. */
  readonly masks: readonly [number, number, number];
}

/**
 * @param checkSize throws when width × height is more than is allowed; called before anything is allocated.
 * @throws PictureError
 */
export function decodeBmp(bytes: Uint8Array, checkSize: (width: number, height: number) => void): Raster {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header;
  try {
    header = readHeader(view);
  } catch (error) {
    if (error instanceof RangeError) throw new PictureError('truncated file');
    throw error;
  }
  const { width, height, compression, bits } = header;
  checkSize(width, height);
  const isRunLength = compression === Compression.rle8 || compression === Compression.rle4;
  const stride = Math.ceil((width * bits) / 32) * 4;
  // The padding of the last row is left out by some programs.
  const needed = isRunLength ? 2 : stride * (height - 1) + Math.ceil((width * bits) / 8);
  if (view.byteLength - header.offset < needed) throw new PictureError('truncated file');

  const data = new Uint8Array(width * height * 3);
  if (bits <= 8) {
    const indices = isRunLength ? readRuns(bytes, header) : readPacked(bytes, header, stride);
    paint(data, indices, header.palette);
  } else readColours(data, view, header, stride);
  if (!header.topDown) flipRows(data, width * 3, height);
  return { width, height, channels: 3, data };
}

function readHeader(view: DataView): Header {
  const size = view.getUint32(14, true);
  const isCore = size === 12;
  if (!isCore && size < 40) throw new PictureError('a kind of BMP that is not supported');
  const width = isCore ? view.getUint16(18, true) : view.getInt32(18, true);
  const signedHeight = isCore ? view.getInt16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(isCore ? 24 : 28, true);
  const compression = isCore ? Compression.none : view.getUint32(30, true);
  if (width < 1 || signedHeight === 0) throw new PictureError('damaged file');
  if (!isSupported(bits, compression)) throw new PictureError('a kind of BMP that is not supported');

  const hasMasks = compression === Compression.bitFields || compression === Compression.alphaBitFields;
  const usual = bits === 16 ? ([0x7c00, 0x3e0, 0x1f] as const) : ([0xff0000, 0xff00, 0xff] as const);
  const masks = hasMasks ? ([54, 58, 62].map((at) => view.getUint32(at, true)) as [number, number, number]) : usual;
  // After a header of 40 bytes the masks stand between it and the palette; longer headers contain them.
  const extra = hasMasks && size === 40 ? (compression === Compression.alphaBitFields ? 16 : 12) : 0;
  const paletteAt = 14 + size + extra;
  const offset = view.getUint32(10, true) || paletteAt;

  let palette = new Uint8Array(0);
  if (bits <= 8) {
    const entry = isCore ? 3 : 4;
    const said = isCore ? 0 : view.getUint32(46, true);
    const room = Math.max(0, Math.floor((Math.max(offset, paletteAt) - paletteAt) / entry));
    const colours = Math.min(said || 1 << bits, 1 << bits, room || 256);
    palette = new Uint8Array(colours * 3);
    for (let i = 0; i < colours; i++) {
      for (let c = 0; c < 3; c++) palette[i * 3 + c] = view.getUint8(paletteAt + i * entry + 2 - c);
    }
  }
  return { width, height: Math.abs(signedHeight), topDown: signedHeight < 0, bits, compression, offset, palette, masks };
}

function isSupported(bits: number, compression: number): boolean {
  if (compression === Compression.rle8) return bits === 8;
  if (compression === Compression.rle4) return bits === 4;
  if (compression === Compression.none) return [1, 2, 4, 8, 16, 24, 32].includes(bits);
  return (compression === Compression.bitFields || compression === Compression.alphaBitFields) && (bits === 16 || bits === 32);
}

/** Palette indices, rows as in the file. */
function readPacked(bytes: Uint8Array, { width, height, bits, offset }: Header, stride: number): Uint8Array {
  const indices = new Uint8Array(width * height);
  const mask = (1 << bits) - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * bits;
      const byte = bytes[offset + y * stride + (bit >> 3)]!;
      indices[y * width + x] = (byte >> (8 - bits - (bit & 7))) & mask;
    }
  }
  return indices;
}

/** Palette indices from run lengths; what the runs leave out has index 0. */
function readRuns(bytes: Uint8Array, { width, height, compression, offset }: Header): Uint8Array {
  const indices = new Uint8Array(width * height);
  const isNibbles = compression === Compression.rle4;
  let [at, x, y] = [offset, 0, 0];
  const byte = (): number => {
    const value = bytes[at++];
    if (value === undefined) throw new PictureError('truncated file');
    return value;
  };
  const put = (index: number): void => {
    if (x < width && y < height) indices[y * width + x] = index;
    x++;
  };
  while (y < height) {
    const count = byte();
    const value = byte();
    if (count > 0) {
      for (let i = 0; i < count; i++) put(isNibbles ? (i % 2 === 0 ? value >> 4 : value & 15) : value);
    } else if (value === 0) [x, y] = [0, y + 1];
    else if (value === 1) break;
    else if (value === 2) [x, y] = [x + byte(), y + byte()];
    else {
      const start = at;
      for (let i = 0, pair = 0; i < value; i++) {
        if (!isNibbles) put(byte());
        else put(i % 2 === 0 ? (pair = byte()) >> 4 : pair & 15);
      }
      if ((at - start) % 2 === 1) at++;
    }
  }
  return indices;
}

function paint(data: Uint8Array, indices: Uint8Array, palette: Uint8Array): void {
  for (let i = 0; i < indices.length; i++) {
    // Indices beyond the palette are black, as elsewhere.
    for (let c = 0; c < 3; c++) data[i * 3 + c] = palette[indices[i]! * 3 + c] ?? 0;
  }
}

function readColours(data: Uint8Array, view: DataView, { width, height, bits, offset, masks }: Header, stride: number): void {
  const step = bits / 8;
  const shifts = masks.map((mask) => (mask === 0 ? 0 : 31 - Math.clz32(mask & -mask)));
  const maxima = masks.map((mask, c) => mask >>> shifts[c]!);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const from = offset + y * stride + x * step;
      if (bits === 24) {
        for (let c = 0; c < 3; c++) data[to + c] = view.getUint8(from + 2 - c);
        continue;
      }
      const pixel = bits === 16 ? view.getUint16(from, true) : view.getUint32(from, true);
      for (let c = 0; c < 3; c++) {
        const value = (pixel & masks[c]!) >>> shifts[c]!;
        data[to + c] = maxima[c] === 0 ? 0 : Math.round((value * 255) / maxima[c]!);
      }
    }
  }
}

function flipRows(data: Uint8Array, length: number, height: number): void {
  for (let top = 0, bottom = height - 1; top < bottom; top++, bottom--) {
    const kept = data.slice(top * length, (top + 1) * length);
    data.copyWithin(top * length, bottom * length, (bottom + 1) * length);
    data.set(kept, bottom * length);
  }
}
