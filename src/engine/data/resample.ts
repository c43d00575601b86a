/**
 * Pillow's antialiased bicubic resampling, bit for bit (Pillow 9, `Resample.c`): the kernel (a = −0.5) widens when it
 * makes smaller, weights are rounded to 22 fractional bits, and values are rounded and clamped to 8 bits after the
 * horizontal pass and again after the vertical one.
 */

export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** [height, width, channels], 8 bits each. */
  readonly data: Uint8Array;
}

/** A part of the result, in its pixels. */
export interface Window {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

function bicubic(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a;
  return 0;
}

interface Weights {
  /** First input place of each output place. */
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** `stride` weights for each output place. */
  readonly values: Int32Array;
  readonly stride: number;
}

/** `precompute_coeffs` and `normalize_coeffs_8bpc` for the output places from … from + count − 1. */
function weights(inSize: number, outSize: number, from: number, count: number): Weights {
  const scale = inSize / outSize;
  const filterScale = Math.max(scale, 1);
  const support = 2 * filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(count);
  const counts = new Int32Array(count);
  const values = new Int32Array(count * stride);
  const raw = new Float64Array(stride);
  for (let i = 0; i < count; i++) {
    const centre = (from + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const taps = Math.min(inSize, Math.trunc(centre + support + 0.5)) - start;
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      raw[k] = bicubic((k + start - centre + 0.5) / filterScale);
      sum += raw[k]!;
    }
    for (let k = 0; k < taps; k++) {
      const weight = (sum === 0 ? raw[k]! : raw[k]! / sum) * (1 << PRECISION_BITS);
      values[i * stride + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    starts[i] = start;
    counts[i] = taps;
  }
  return { starts, counts, values, stride };
}

const clip = (sum: number): number => {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
};

/**
 * Resizes `source` to width × height, and computes only `window` of the result (all of it by default), so that a
 * centre crop of a very long picture costs no more than the crop.
 */
export function resample(
  source: Raster,
  width: number,
  height: number,
  window: Window = { left: 0, top: 0, width, height },
): Raster {
  const { channels } = source;
  const across = weights(source.width, width, window.left, window.width);
  const down = weights(source.height, height, window.top, window.height);
  const last = window.height - 1;
  const firstRow = down.starts[0]!;
  const rows = down.starts[last]! + down.counts[last]! - firstRow;
  const rowLength = window.width * channels;

  const between = new Uint8Array(rows * rowLength);
  for (let y = 0; y < rows; y++) {
    const rowStart = (firstRow + y) * source.width;
    for (let x = 0; x < window.width; x++) {
      const taps = across.counts[x]!;
      const first = (rowStart + across.starts[x]!) * channels;
      for (let c = 0; c < channels; c++) {
        let sum = HALF;
        for (let k = 0; k < taps; k++) sum += source.data[first + k * channels + c]! * across.values[x * across.stride + k]!;
        between[y * rowLength + x * channels + c] = clip(sum);
      }
    }
  }

  const data = new Uint8Array(window.height * rowLength);
  for (let y = 0; y < window.height; y++) {
    const taps = down.counts[y]!;
    const first = (down.starts[y]! - firstRow) * rowLength;
    for (let i = 0; i < rowLength; i++) {
      let sum = HALF;
      for (let k = 0; k < taps; k++) sum += between[first + k * rowLength + i]! * down.values[y * down.stride + k]!;
      data[y * rowLength + i] = clip(sum);
    }
  }
  return { width: window.width, height: window.height, channels, data };
}
