/**
 * Colour steps of the augmentation, with Pillow's 8-bit arithmetic (`Blend.c`, `Convert.c`, `ImageEnhance.py`) and torchvision's
 * order of operations. Four pixels at a time, as three vec4f of whole numbers 0 … 255.
 *
 * Contrast needs the mean grey of the picture as it is at that moment. So the jitter runs in two halves: what comes
 * before the contrast, with the sum of the greys (of whole numbers, hence the same in any order), then the rest.
 */
import type { Dispatch, Kernel } from '../graph';

/** Bits of a record's flags. */
export const FLAG = { flip: 1, greyscale: 2, solarise: 4, jitter: 8 } as const;

/** A packed pixel is r | g << 8 | b << 16. */
export const COLOURS = `
struct Colours { r: vec4f, g: vec4f, b: vec4f }
fn unpack(v: vec4u) -> Colours {
  let byte = vec4u(255u);
  return Colours(vec4f(v & byte), vec4f((v >> vec4u(8u)) & byte), vec4f((v >> vec4u(16u)) & byte));
}`;

const DECLARATIONS = `${COLOURS}
fn pack(c: Colours) -> vec4u { return vec4u(c.r) | (vec4u(c.g) << vec4u(8u)) | (vec4u(c.b) << vec4u(16u)); }
/** Whole numbers below 2^24: exact. */
fn grey(c: Colours) -> vec4f { return floor((19595.0 * c.r + 38470.0 * c.g + 7471.0 * c.b + 32768.0) * (1.0 / 65536.0)); }
fn blendChannel(a: vec4f, b: vec4f, factor: f32) -> vec4f { return clamp(floor(a + factor * (b - a)), vec4f(0.0), vec4f(255.0)); }
fn blend(a: vec4f, c: Colours, factor: f32) -> Colours {
  return Colours(blendChannel(a, c.r, factor), blendChannel(a, c.g, factor), blendChannel(a, c.b, factor));
}
/** Through 8-bit HSV; the shift is cut to a whole number, and the hue wraps at 256. */
fn shiftHue(c: Colours, factor: f32) -> Colours {
  let most = max(c.r, max(c.g, c.b));
  let range = most - min(c.r, min(c.g, c.b));
  let safe = max(range, vec4f(1.0));
  let fromRed = (c.g - c.b) / safe;
  let fromGreen = 2.0 + (c.b - c.r) / safe;
  let fromBlue = 4.0 + (c.r - c.g) / safe;
  var sixth = select(select(fromBlue, fromGreen, c.g == most), fromRed, c.r == most);
  sixth = select(sixth, sixth + 6.0, sixth < vec4f(0.0));
  let coloured = range > vec4f(0.0);
  let saturation = select(vec4f(0.0), floor(255.0 * range / max(most, vec4f(1.0))), coloured);
  var hue = select(vec4f(0.0), min(floor(42.5 * sixth), vec4f(255.0)), coloured) + trunc(factor * 255.0);
  hue = hue - 256.0 * floor(hue * (1.0 / 256.0));

  let place = hue * (6.0 / 255.0);
  let sector = floor(place);
  let f = place - sector;
  let s = saturation * (1.0 / 255.0);
  let low = floor(most * (1.0 - s) + 0.5);
  let falling = floor(most * (1.0 - s * f) + 0.5);
  let rising = floor(most * (1.0 - s * (1.0 - f)) + 0.5);
  let first = (sector == vec4f(0.0)) | (sector == vec4f(6.0));
  let second = sector == vec4f(1.0);
  let third = sector == vec4f(2.0);
  let fourth = sector == vec4f(3.0);
  let fifth = sector == vec4f(4.0);
  return Colours(
    select(select(select(most, rising, fifth), low, third | fourth), falling, second),
    select(select(select(low, falling, fourth), most, second | third), rising, first),
    select(select(select(falling, most, fourth | fifth), rising, third), low, first | second));
}
fn step(operation: u32, c: Colours, r: u32) -> Colours {
  switch operation {
    case 0u: { return blend(vec4f(0.0), c, bitcast<f32>(records[r + 9u])); }
    case 2u: { return blend(grey(c), c, bitcast<f32>(records[r + 11u])); }
    case 3u: { return shiftHue(c, bitcast<f32>(records[r + 12u])); }
    default: { return c; }
  }
}`;

/** Groups of four pixels per thread. */
const GROUPS = 4;

/** Jitter up to the contrast, in place, and the sum of the greys. */
const before: Kernel = {
  key: 'augment/colour/before-contrast',
  bindings: ['image: vec4u', 'records: u32', 'greySums: atomic<u32>'],
  params: ['size', 'pitch'],
  workgroup: [64, 1, 1],
  declarations: DECLARATIONS,
  main: `
  let r = group.z * 16u;
  if ((records[r + 7u] & ${FLAG.jitter}u) == 0u) { return; }
  let order = records[r + 8u];
  let count = p.size * p.pitch;
  let begin = global.x * ${GROUPS}u;
  var sum = 0.0;
  for (var i = begin; i < min(begin + ${GROUPS}u, count); i++) {
    let at = group.z * count + i;
    var c = unpack(image[at]);
    for (var k = 0u; k < 16u; k += 4u) {
      let operation = (order >> k) & 15u;
      if (operation == 1u) { break; }
      c = step(operation, c, r);
    }
    image[at] = pack(c);
    let x = vec4u(i % p.pitch * 4u) + vec4u(0u, 1u, 2u, 3u);
    sum += dot(grey(c), select(vec4f(0.0), vec4f(1.0), x < vec4u(p.size)));
  }
  if (begin < count) { atomicAdd(&greySums[group.z], u32(sum)); }`,
};

/** Contrast and the jitter after it, then greyscale, in place. */
const after: Kernel = {
  key: 'augment/colour/from-contrast',
  bindings: ['image: vec4u', 'records: u32', 'greySums: u32'],
  params: ['size', 'pitch'],
  workgroup: [64, 1, 1],
  declarations: DECLARATIONS,
  main: `
  let r = group.z * 16u;
  let flags = records[r + 7u];
  if ((flags & ${FLAG.jitter | FLAG.greyscale}u) == 0u) { return; }
  let order = select(0xffffu, records[r + 8u], (flags & ${FLAG.jitter}u) != 0u);
  let pixels = p.size * p.size;
  let mean = f32((2u * greySums[group.z] + pixels) / (2u * pixels));
  let count = p.size * p.pitch;
  let begin = global.x * ${GROUPS}u;
  for (var i = begin; i < min(begin + ${GROUPS}u, count); i++) {
    let at = group.z * count + i;
    var c = unpack(image[at]);
    var reached = false;
    for (var k = 0u; k < 16u; k += 4u) {
      let operation = (order >> k) & 15u;
      if (operation == 1u) {
        c = blend(vec4f(mean), c, bitcast<f32>(records[r + 10u]));
        reached = true;
      } else if (reached) {
        c = step(operation, c, r);
      }
    }
    if ((flags & ${FLAG.greyscale}u) != 0u) {
      let g = grey(c);
      c = Colours(g, g, g);
    }
    image[at] = pack(c);
  }`,
};

/** @returns the kernels (`pitch` is theirs in groups of four pixels) and their workgroups */
export function colourSteps(
  crops: number,
  size: number,
  pitch: number,
): { kernels: Kernel[]; workgroups: Dispatch['workgroups'] } {
  return { kernels: [before, after], workgroups: [Math.ceil((size * pitch) / (64 * GROUPS)), 1, crops] };
}
