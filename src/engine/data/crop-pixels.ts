/**
 * What the device makes of a crop (ops/augment), on the processor: for looking at a few crops without taking the device from a
 * run. The same arithmetic in the same order: crop, flip, jitter, greyscale, blur, solarise, each rounded to 8 bits as Pillow
 * does (`Resample.c`, `Blend.c`, `Convert.c`, `BoxBlur.c`). Values at the border between two levels may come out one apart.
 */
import type { Crop, Jitter } from './crops';
import type { PackedPicture } from './decode-job';

/** Rows of pixels, red green blue, whole numbers 0 … 255. */
type Pixels = Float32Array;

/** The crop of its picture: `size × size × 3` bytes, rows from the top. */
export function cropPixels(picture: PackedPicture, crop: Crop): Uint8Array<ArrayBuffer> {
  const pixels = resizedCrop(picture, crop);
  if (crop.jitter) jitter(pixels, crop.jitter);
  if (crop.grayscale) {
    mapColours(pixels, (colour) => {
      const level = grey(colour);
      return [level, level, level];
    });
  }
  const blurred = crop.blur > 0 ? blur(pixels, crop.size, crop.blur) : pixels;
  return Uint8Array.from(blurred, (value) => (crop.solarise && value >= 128 ? 255 - value : value));
}

const eightBits = (value: number): number => Math.min(255, Math.max(0, Math.floor(value + 0.5)));

function cubic(x: number): number {
  const d = Math.abs(x);
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
  return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
}

interface Taps {
  first: number;
  weights: number[];
}

/** Weights of the source places of each output place along one axis; the box may begin and end within a pixel. */
function taps(start: number, length: number, limit: number, size: number): Taps[] {
  const begin = Math.min(limit - 1, Math.max(0, Math.floor(start)));
  const end = Math.min(limit, Math.max(begin + 1, Math.ceil(start + length)));
  const scale = length / size;
  const filter = Math.max(1, scale);
  return Array.from({ length: size }, (_, i) => {
    const centre = start + (i + 0.5) * scale;
    const first = Math.max(begin, Math.floor(centre - 2 * filter + 0.5));
    const last = Math.min(end, Math.floor(centre + 2 * filter + 0.5));
    const raw = Array.from({ length: last - first }, (_, t) => cubic((first + t + 0.5 - centre) / filter));
    const total = raw.reduce((sum, w) => sum + w, 0);
    return { first, weights: raw.map((w) => w / total) };
  });
}

/** Antialiased bicubic, across and then down, rounded after both; then the flip. */
function resizedCrop({ width, height, fullWidth, fullHeight, words }: PackedPicture, crop: Crop): Pixels {
  const { size } = crop;
  const [across, down] = [width / fullWidth, height / fullHeight];
  const columns = taps(crop.left * across, crop.width * across, width, size);
  const rows = taps(crop.top * down, crop.height * down, height, size);
  if (crop.flip) columns.reverse();
  const lines = new Map<number, Float32Array>();
  const lineOf = (y: number): Float32Array => {
    const known = lines.get(y);
    if (known) return known;
    const line = new Float32Array(size * 3);
    columns.forEach(({ first, weights }, x) => {
      let [r, g, b] = [0, 0, 0];
      for (let t = 0; t < weights.length; t++) {
        const word = words[y * width + first + t]!;
        const w = weights[t]!;
        r += w * (word & 255);
        g += w * ((word >>> 8) & 255);
        b += w * ((word >>> 16) & 255);
      }
      line.set([eightBits(r), eightBits(g), eightBits(b)], 3 * x);
    });
    lines.set(y, line);
    return line;
  };
  const pixels = new Float32Array(size * size * 3);
  rows.forEach(({ first, weights }, y) => {
    const own = weights.map((_, t) => lineOf(first + t));
    for (let i = 0; i < size * 3; i++) {
      let sum = 0;
      for (let t = 0; t < weights.length; t++) sum += weights[t]! * own[t]![i]!;
      pixels[y * size * 3 + i] = eightBits(sum);
    }
  });
  return pixels;
}

const f32 = Math.fround;

type Colour = readonly [r: number, g: number, b: number];

function mapColours(pixels: Pixels, map: (colour: Colour) => Colour): void {
  for (let i = 0; i < pixels.length; i += 3) pixels.set(map([pixels[i]!, pixels[i + 1]!, pixels[i + 2]!]), i);
}

const grey = ([r, g, b]: Colour): number => Math.floor((19595 * r + 38470 * g + 7471 * b + 32768) / 65536);

/** From `from` (factor 0) to the colour (factor 1) and beyond, in single precision as Pillow and the device. */
function blend(from: number, colour: Colour, factor: number): Colour {
  const f = f32(factor);
  const one = (c: number): number =>
    Math.min(255, Math.max(0, Math.floor(f32(from + f32(f * (c - from))))));
  return [one(colour[0]), one(colour[1]), one(colour[2])];
}

/** In their order: 0 brightness, 1 contrast (towards the mean grey as it is then), 2 saturation, 3 hue. */
function jitter(pixels: Pixels, { order, brightness, contrast, saturation, hue }: Jitter): void {
  for (const operation of order) {
    if (operation === 0) mapColours(pixels, (colour) => blend(0, colour, brightness));
    else if (operation === 1) {
      let sum = 0;
      mapColours(pixels, (colour) => {
        sum += grey(colour);
        return colour;
      });
      const mean = Math.floor(sum / (pixels.length / 3) + 0.5);
      mapColours(pixels, (colour) => blend(mean, colour, contrast));
    } else if (operation === 2) mapColours(pixels, (colour) => blend(grey(colour), colour, saturation));
    else if (operation === 3) mapColours(pixels, (colour) => shiftHue(colour, hue));
  }
}

/**
 * Through 8-bit HSV, in single precision: a hue at the border between two of its 256 values moves colours by several levels.
 * The shift is cut to a whole number, and the hue wraps at 256.
 */
function shiftHue([r, g, b]: Colour, factor: number): Colour {
  const most = Math.max(r, g, b);
  const range = most - Math.min(r, g, b);
  const saturation = range > 0 ? Math.floor(f32((255 * range) / most)) : 0;
  let sixth = 0;
  if (range > 0) {
    if (r === most) sixth = f32((g - b) / range);
    else if (g === most) sixth = f32(2 + f32((b - r) / range));
    else sixth = f32(4 + f32((r - g) / range));
  }
  if (sixth < 0) sixth = f32(sixth + 6);
  const shifted = Math.min(255, Math.floor(f32(42.5 * sixth))) + Math.trunc(f32(f32(factor) * 255));
  const place = f32((((shifted % 256) + 256) % 256) * f32(6 / 255));
  const sector = Math.floor(place);
  const f = f32(place - sector);
  const s = f32(saturation * f32(1 / 255));
  const level = (share: number): number => Math.floor(f32(f32(most * f32(1 - share)) + 0.5));
  const [low, falling, rising] = [level(s), level(f32(s * f)), level(f32(s * f32(1 - f)))];
  const turns: readonly Colour[] = [
    [most, rising, low],
    [falling, most, low],
    [low, most, rising],
    [low, falling, most],
    [rising, low, most],
    [most, low, falling],
  ];
  return turns[sector % 6]!;
}

/** Distances to which the filter reaches: three boxes of 2 pixels each. */
const REACH = 6;

/**
 * Weights at distances 0 … 6 of Pillow's blur: an extended box filter three times (Gwosdek et al. 2011, "Theoretical
 * foundations of Gaussian convolution by extended box filtering"), as one filter.
 */
function blurWeights(deviation: number): number[] {
  const variance = (deviation * deviation) / 3;
  const whole = Math.floor((Math.sqrt(12 * variance + 1) - 1) / 2);
  const next = whole + 1;
  const part = ((whole + next) * (whole * next - 3 * variance)) / (6 * (variance - next * next));
  const inner = 1 / (2 * (whole + part) + 1);
  const edge = (1 - (2 * whole + 1) * inner) / 2;
  const box = Array.from({ length: 2 * next + 1 }, (_, i) => (Math.abs(i - next) <= whole ? inner : edge));
  const convolve = (a: readonly number[], b: readonly number[]): number[] =>
    Array.from({ length: a.length + b.length - 1 }, (_, n) => a.reduce((sum, w, i) => sum + w * (b[n - i] ?? 0), 0));
  const thrice = convolve(convolve(box, box), box);
  return thrice.slice(3 * next, 3 * next + REACH + 1);
}

/** Along rows, kept to quarters of a level, then along columns; edges repeat. */
function blur(pixels: Pixels, size: number, deviation: number): Pixels {
  const weights = blurWeights(deviation);
  const along = (source: Pixels, step: number, other: number, round: (value: number) => number): Pixels => {
    const result = new Float32Array(source.length);
    for (let line = 0; line < size; line++) {
      for (let i = 0; i < size; i++) {
        for (let c = 0; c < 3; c++) {
          const at = (place: number): number =>
            source[line * other + Math.min(size - 1, Math.max(0, place)) * step + c]!;
          let sum = weights[0]! * at(i);
          for (let d = 1; d < weights.length; d++) sum += weights[d]! * (at(i - d) + at(i + d));
          result[line * other + i * step + c] = round(sum);
        }
      }
    }
    return result;
  };
  const fine = along(pixels, 3, 3 * size, (value) => Math.floor(4 * value + 0.5) / 4);
  return along(fine, 3 * size, 3, eightBits);
}
