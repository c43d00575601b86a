import type { Noise } from './noise';
import type { Ink } from './palette';

/** Share of the second ink at a place, 0 … 1. `soft` in the makers is the width of an edge: about a pixel, in object units. */
export type Pattern = (x: number, y: number) => number;

/** Writes the colour at a place of an object to `out`. */
export type Surface = (x: number, y: number, out: Float32Array) => void;

/** 0 → 1 as `value` passes from −soft to soft. */
export const step = (value: number, soft: number): number => Math.min(1, Math.max(0, 0.5 + value / (2 * soft)));

const fraction = (value: number): number => value - Math.floor(value);
/** Distance of `value` from the nearest whole number, 0 … 0.5. */
const fromWhole = (value: number): number => Math.abs(value - Math.round(value));

export const flat = (ink: Ink): Surface => (_x, _y, out) => {
  out[0] = ink[0];
  out[1] = ink[1];
  out[2] = ink[2];
};

/** `first` where the pattern is 0, `second` where it is 1. */
export const patterned = (first: Ink, second: Ink, pattern: Pattern): Surface => (x, y, out) => {
  const t = pattern(x, y);
  out[0] = first[0] + (second[0] - first[0]) * t;
  out[1] = first[1] + (second[1] - first[1]) * t;
  out[2] = first[2] + (second[2] - first[2]) * t;
};

/** The pattern seen in a frame turned by `turn` radians. */
export const turned = (pattern: Pattern, turn: number): Pattern => {
  const cos = Math.cos(turn);
  const sin = Math.sin(turn);
  return (x, y) => pattern(x * cos + y * sin, y * cos - x * sin);
};

/** Bands across x, `duty` of each period in the second ink, waving by `wave` with the noise. */
export const stripes = (period: number, duty: number, soft: number, noise?: Noise, wave = 0): Pattern => (x, y) => {
  const shift = noise && wave > 0 ? wave * (noise.at(x * 2 + 40, y * 3 + 9) - 0.5) : 0;
  return step(duty / 2 - fromWhole((x + shift) / period), soft / period);
};

export const checks = (period: number, soft: number): Pattern => (x, y) => {
  const a = step(0.25 - fromWhole(x / (2 * period)), soft / (2 * period));
  const b = step(0.25 - fromWhole(y / (2 * period)), soft / (2 * period));
  return a + b - 2 * a * b;
};

/** Round dots on a jittered lattice, each with its own radius up to `radius` (in periods, < 0.5). */
export const spots = (period: number, radius: number, soft: number, noise: Noise): Pattern => (x, y) => {
  const row = Math.round(y / period);
  const shift = row & 1 ? 0.5 : 0;
  const column = Math.round(x / period - shift);
  const free = 0.5 - radius;
  const u = x / period - shift - column - free * (noise.cell(column, row, 1) * 2 - 1);
  const v = y / period - row - free * (noise.cell(column, row, 2) * 2 - 1);
  const r = radius * (0.75 + 0.25 * noise.cell(column, row, 3));
  return step(r - Math.sqrt(u * u + v * v), soft / period);
};

/** Rows of overlapping scales that hang down: 1 on each scale's rim, rising towards it, as shingles and feathers. */
export const scales = (period: number, rim: number, soft: number): Pattern => (x, y) => {
  // Rows nearer the top lie over those below: the first disc from above that holds the place is the one seen.
  const first = Math.floor((2 * y) / period) - 1;
  for (let row = first; row <= first + 2; row++) {
    const u = fraction(x / period + (row & 1 ? 0.5 : 0)) - 0.5;
    const v = y / period - row / 2;
    const r = Math.sqrt(u * u + v * v);
    if (r < 0.56) return Math.max(step(r - 0.56 + rim, soft / period), (r / 0.56) ** 2 * 0.35);
  }
  return 1;
};

/** Over-and-under basket work: strands `period` wide with dark gaps. */
export const weave = (period: number, soft: number): Pattern => (x, y) => {
  const column = Math.floor(x / period);
  const row = Math.floor(y / period);
  const u = fraction(x / period) - 0.5;
  const v = fraction(y / period) - 0.5;
  const [across, along] = (column + row) & 1 ? [u, v] : [v, u];
  const gap = step(Math.abs(across) - 0.36, soft / period);
  return Math.max(gap, Math.abs(along) * 0.9 + (across + 0.5) * 0.15);
};

/** Courses of bricks `width` × `height`, 1 in the joints; single bricks a little lighter or darker. */
export const bricks = (width: number, height: number, joint: number, soft: number, noise: Noise): Pattern => (x, y) => {
  const row = Math.floor(y / height);
  const along = x / width + (row & 1 ? 0.5 : 0);
  const edge = Math.min(fromWhole(along) * width, fromWhole(y / height) * height);
  return Math.max(step(joint / 2 - edge, soft), 0.35 * noise.cell(Math.floor(along), row));
};

/** A lattice of lozenges with a dot in each, as a pineapple's skin. */
export const lozenges = (width: number, height: number, soft: number): Pattern => (x, y) => {
  const a = x / width + y / height;
  const b = x / width - y / height;
  const line = Math.min(fromWhole(a), fromWhole(b));
  const u = fraction(a) - 0.5;
  const v = fraction(b) - 0.5;
  const grain = (2 * soft) / Math.min(width, height);
  return Math.max(step(0.1 - line, grain), step(0.16 - Math.sqrt(u * u + v * v), grain));
};

/** Zigzag lines: bands along x whose middle goes up and down by `rise` every `length`. */
export const zigzag = (period: number, rise: number, length: number, soft: number): Pattern => (x, y) => {
  const bent = y + rise * (4 * fromWhole(x / length) - 1);
  return step(0.25 - fromWhole(bent / period), soft / period);
};

/** Rings around (cx, cy). */
export const rings = (cx: number, cy: number, period: number, duty: number, soft: number): Pattern => (x, y) => {
  return step(duty / 2 - fromWhole(Math.hypot(x - cx, y - cy) / period), soft / period);
};

/** An even spiral around (cx, cy); each turn `period` further out. */
export const spiral = (cx: number, cy: number, period: number, width: number, soft: number): Pattern => (x, y) => {
  const u = x - cx;
  const v = y - cy;
  return step(width / 2 - fromWhole(Math.sqrt(u * u + v * v) / period - Math.atan2(v, u) / (2 * Math.PI)), soft / period);
};

/** Seeds in two families of crossing spirals, as in a sunflower's disc. */
export const seeds = (cx: number, cy: number, radius: number): Pattern => (x, y) => {
  const u = x - cx;
  const v = y - cy;
  const out = 9 * Math.sqrt(Math.hypot(u, v) / radius);
  const turn = Math.atan2(v, u);
  return 0.5 + 0.5 * Math.cos(10 * turn + out * 1.4) * Math.cos(10 * turn - out * 1.4);
};

/** Short strokes along y, in staggered rows, as needles or fur. */
export const strokes = (width: number, length: number, soft: number, noise: Noise): Pattern => (x, y) => {
  const column = Math.round(x / width);
  const along = fraction(y / length + noise.cell(column, 3, 4));
  const thick = 0.34 * (1 - along);
  return step(thick - Math.abs(x / width - column), soft / width);
};
