/**
 * Last steps of the augmentation: blur along rows, then blur along columns with solarise and normalisation.
 * Pillow blurs with three extended box filters per direction (`BoxBlur.c`; Gwosdek et al. 2011, "Theoretical foundations of
 * Gaussian convolution by extended box filtering"). Here they are one filter, their convolution with itself.
 */
import type { Dispatch, Kernel } from '../graph';
import { COLOURS, FLAG } from './colour';

/** Three boxes of reach 2 (standard deviations below √6) reach 6 pixels. */
const REACH = 6;
export const LARGEST_BLUR = 2.4;

const BLUR = `${COLOURS}
/** Between the two passes a channel has 10 bits: two more than the picture. */
fn unpackFine(v: vec4u) -> Colours {
  let bits = vec4u(1023u);
  return Colours(vec4f(v & bits) * 0.25, vec4f((v >> vec4u(10u)) & bits) * 0.25, vec4f((v >> vec4u(20u)) & bits) * 0.25);
}
fn packFine(r: vec4f, g: vec4f, b: vec4f) -> vec4u {
  return vec4u(r * 4.0 + 0.5) | (vec4u(g * 4.0 + 0.5) << vec4u(10u)) | (vec4u(b * 4.0 + 0.5) << vec4u(20u));
}
/** Weights at distances 0 … 3 and 4 … 6. */
struct Weights { near: vec4f, far: vec3f }
fn blurWeights(deviation: f32) -> Weights {
  let variance = min(deviation, ${LARGEST_BLUR}) * min(deviation, ${LARGEST_BLUR}) / 3.0;
  let whole = floor((sqrt(12.0 * variance + 1.0) - 1.0) * 0.5);
  let next = whole + 1.0;
  let part = (whole + next) * (whole * next - 3.0 * variance) / (6.0 * (variance - next * next));
  let inner = 1.0 / (2.0 * (whole + part) + 1.0);
  let edge = (1.0 - (2.0 * whole + 1.0) * inner) * 0.5;
  let b = select(vec3f(inner, edge, 0.0), vec3f(inner, inner, edge), whole >= 1.0);
  let c0 = b.x * b.x + 2.0 * (b.y * b.y + b.z * b.z);
  let c1 = 2.0 * (b.x * b.y + b.y * b.z);
  let c2 = 2.0 * b.x * b.z + b.y * b.y;
  let c3 = 2.0 * b.y * b.z;
  let c4 = b.z * b.z;
  return Weights(
    vec4f(
      b.x * c0 + 2.0 * (b.y * c1 + b.z * c2),
      b.x * c1 + b.y * (c0 + c2) + b.z * (c1 + c3),
      b.x * c2 + b.y * (c1 + c3) + b.z * (c0 + c4),
      b.x * c3 + b.y * (c2 + c4) + b.z * c1),
    vec3f(b.x * c4 + b.y * c3 + b.z * c2, b.y * c4 + b.z * c3, b.z * c4));
}`;

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const weight = (distance: number): string => (distance < 4 ? `w.near.${'xyzw'[distance]}` : `w.far.${'xyz'[distance - 4]}`);

/** Component of output pixel `n` of a thread whose loaded groups begin 8 pixels before it. */
function blurred(channel: string, n: number): string {
  const at = (i: number): string => `q${(n + 8 + i) >> 2}.${channel}.${'xyzw'[(n + 8 + i) & 3]}`;
  return range(0, REACH + 1)
    .map((d) => (d === 0 ? `${weight(0)} * ${at(0)}` : `${weight(d)} * (${at(-d)} + ${at(d)})`))
    .join(' + ');
}
function blurredGroup(group: number): string {
  const pixels = (channel: string): string => range(0, 4).map((i) => blurred(channel, 4 * group + i)).join(',\n    ');
  return `packFine(${['r', 'g', 'b'].map((channel) => `vec4f(${pixels(channel)})`).join(',\n    ')})`;
}

/** A thread blurs eight pixels of a row, from six groups of four. Edges repeat. */
const alongRows: Kernel = {
  key: 'augment/blur/rows',
  bindings: ['image: vec4u', 'records: u32', 'fine: vec4u'],
  params: ['size', 'pitch'],
  workgroup: [64, 1, 1],
  declarations: `${BLUR}
fn load(line: u32, at: i32) -> Colours {
  let last = i32(p.pitch) - 1;
  var v = image[line + u32(clamp(at, 0, last))];
  v = select(select(v, v.wwww, at > last), v.xxxx, at < 0);
  return unpack(v);
}`,
  main: `
  let deviation = bitcast<f32>(records[group.z * 16u + 13u]);
  if (deviation <= 0.0) { return; }
  let pairs = (p.pitch + 1u) / 2u;
  let y = global.x / pairs;
  let x = global.x % pairs * 2u;
  if (y >= p.size) { return; }
  let w = blurWeights(deviation);
  let line = (group.z * p.size + y) * p.pitch;
  ${range(0, 6).map((q) => `let q${q} = load(line, i32(x) + ${q - 2});`).join('\n  ')}
  fine[line + x] = ${blurredGroup(0)};
  if (x + 1u < p.pitch) { fine[line + x + 1u] = ${blurredGroup(1)}; }`,
};

/** Rows of four pixels per thread. */
const ROWS = 4;

/** The sums of row `k` get loaded row `t` (both from the thread's first row). */
function addRow(t: number): string {
  const add = (k: number): string =>
    ['r', 'g', 'b'].map((channel) => `${channel}${k} += ${weight(Math.abs(t - k))} * c.${channel};`).join(' ');
  const reached = range(0, ROWS).filter((k) => Math.abs(t - k) <= REACH);
  return `{ let c = fineRow(first, ${t}); ${reached.map(add).join(' ')} }`;
}

const storePlanes = (vec4: boolean): string =>
  vec4
    ? 'images[((crop * 3u + channel) * p.size + y) * p.pitch + x] = v;'
    : `let at = ((crop * 3u + channel) * p.size + y) * p.size;
  for (var i = 0u; i < 4u; i++) { if (4u * x + i < p.size) { images[at + 4u * x + i] = v[i]; } }`;

/** Blur along columns where there is one, rounding to 8 bits, solarise, (v / 255 − mean) / std. */
const finish = (vec4: boolean): Kernel => ({
  key: `augment/finish/${vec4 ? 'vec4' : 'scalar'}`,
  bindings: ['image: vec4u', 'records: u32', 'fine: vec4u', `images: ${vec4 ? 'vec4f' : 'f32'}`],
  params: ['size', 'pitch', ...['meanR', 'meanG', 'meanB', 'stdR', 'stdG', 'stdB'].map((name) => `${name}: f32`)],
  workgroup: [64, 1, 1],
  declarations: `${BLUR}
/** The row t rows from the one in which \`first\` begins; edges repeat. */
fn fineRow(first: vec3u, t: i32) -> Colours {
  let y = u32(clamp(i32(first.y) + t, 0, i32(p.size) - 1));
  return unpackFine(fine[(first.z * p.size + y) * p.pitch + first.x]);
}
fn plane(crop: u32, channel: u32, y: u32, x: u32, v: vec4f) {
  ${storePlanes(vec4)}
}
fn output(first: vec3u, k: u32, solarise: bool, r: vec4f, g: vec4f, b: vec4f) {
  let y = first.y + k;
  if (y >= p.size) { return; }
  plane(first.z, 0u, y, first.x, (level(r, solarise) / 255.0 - p.meanR) / p.stdR);
  plane(first.z, 1u, y, first.x, (level(g, solarise) / 255.0 - p.meanG) / p.stdG);
  plane(first.z, 2u, y, first.x, (level(b, solarise) / 255.0 - p.meanB) / p.stdB);
}
fn level(v: vec4f, solarise: bool) -> vec4f {
  let whole = floor(v + 0.5);
  return select(whole, 255.0 - whole, vec4<bool>(solarise) & (whole >= vec4f(128.0)));
}`,
  main: `
  let crop = group.z;
  let first = vec3u(global.x % p.pitch, global.x / p.pitch * ${ROWS}u, crop);
  if (first.y >= p.size) { return; }
  let solarise = (records[crop * 16u + 7u] & ${FLAG.solarise}u) != 0u;
  let deviation = bitcast<f32>(records[crop * 16u + 13u]);
  if (deviation <= 0.0) {
    for (var k = 0u; k < ${ROWS}u; k++) {
      let c = unpack(image[(crop * p.size + min(first.y + k, p.size - 1u)) * p.pitch + first.x]);
      output(first, k, solarise, c.r, c.g, c.b);
    }
    return;
  }
  let w = blurWeights(deviation);
  ${range(0, ROWS).map((k) => `var r${k} = vec4f(); var g${k} = vec4f(); var b${k} = vec4f();`).join('\n  ')}
  ${range(-3, ROWS + 3).map(addRow).join('\n  ')}
  if (w.far.x > 0.0) {
  ${[...range(-REACH, -3), ...range(ROWS + 3, ROWS + REACH)].map(addRow).join('\n  ')}
  }
  ${range(0, ROWS).map((k) => `output(first, ${k}u, solarise, r${k}, g${k}, b${k});`).join('\n  ')}`,
});

/** @returns the two kernels with their workgroups; `pitch` is in groups of four pixels */
export function blurAndFinish(
  crops: number,
  size: number,
  pitch: number,
): Record<'rows' | 'finish', Pick<Dispatch, 'kernel' | 'workgroups'>> {
  return {
    rows: { kernel: alongRows, workgroups: [Math.ceil((size * Math.ceil(pitch / 2)) / 64), 1, crops] },
    finish: { kernel: finish(size % 4 === 0), workgroups: [Math.ceil((Math.ceil(size / ROWS) * pitch) / 64), 1, crops] },
  };
}
