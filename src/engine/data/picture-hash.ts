/**
 * A 64-bit hash that nearly equal pictures share: signs of the lowest frequencies of the grey picture at 32 × 32, against their
 * median (pHash; Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions").
 */
import type { Raster } from './resample';

const SIDE = 32;
const KEPT = 8;

/** `cosines[u][x]` of the discrete cosine transform of type II, for the frequencies that are kept (1 … 8; the mean is left out). */
const cosines = Array.from({ length: KEPT }, (_, u) =>
  Float64Array.from({ length: SIDE }, (_, x) => Math.cos(((2 * x + 1) * (u + 1) * Math.PI) / (2 * SIDE))),
);

/** Two words of 32 bits, low and high. @param picture RGB, 8 bits */
export function pictureHash(picture: Raster): [low: number, high: number] {
  const grey = shrunkGrey(picture);
  const rows = new Float64Array(KEPT * SIDE);
  for (let u = 0; u < KEPT; u++) {
    for (let y = 0; y < SIDE; y++) {
      let sum = 0;
      for (let x = 0; x < SIDE; x++) sum += grey[y * SIDE + x]! * cosines[u]![x]!;
      rows[u * SIDE + y] = sum;
    }
  }
  const amounts = new Float64Array(KEPT * KEPT);
  for (let v = 0; v < KEPT; v++) {
    for (let u = 0; u < KEPT; u++) {
      let sum = 0;
      for (let y = 0; y < SIDE; y++) sum += rows[u * SIDE + y]! * cosines[v]![y]!;
      amounts[v * KEPT + u] = sum;
    }
  }
  const sorted = amounts.slice().sort();
  const median = (sorted[31]! + sorted[32]!) / 2;
  const words: [number, number] = [0, 0];
  for (let i = 0; i < 64; i++) if (amounts[i]! > median) words[i >> 5]! |= 1 << (i & 31);
  return [words[0] >>> 0, words[1] >>> 0];
}

/** Mean brightness (Rec. 601) of each of 32 × 32 fields. */
function shrunkGrey({ width, height, channels, data }: Raster): Float64Array {
  const grey = new Float64Array(SIDE * SIDE);
  for (let row = 0; row < SIDE; row++) {
    const [top, bottom] = span(row, height);
    for (let column = 0; column < SIDE; column++) {
      const [left, right] = span(column, width);
      let sum = 0;
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const at = (y * width + x) * channels;
          sum += 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;
        }
      }
      grey[row * SIDE + column] = sum / ((bottom - top) * (right - left));
    }
  }
  return grey;
}

function span(place: number, length: number): [number, number] {
  const from = Math.min(length - 1, Math.floor((place * length) / SIDE));
  return [from, Math.max(from + 1, Math.floor(((place + 1) * length) / SIDE))];
}

/** Bits that differ. */
export function differingBits(low: number, high: number, otherLow: number, otherHigh: number): number {
  return bitCount(low ^ otherLow) + bitCount(high ^ otherHigh);
}

export function bitCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
