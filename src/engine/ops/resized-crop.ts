/**
 * First step of the augmentation: a box of a picture resized to a square, as Pillow does it (`Resample.c`): bicubic with
 * a = −0.5, widened where the picture shrinks (antialias), rounded to 8 bits and clamped after the horizontal and
 * again after the vertical pass. Then the flip.
 */
import type { Dispatch, Kernel } from '../graph';

/** Output rows per thread. More of them share the horizontal pass of a source row, but each weighs every source row. */
const BAND = 8;
const each = (line: (k: number) => string): string => Array.from({ length: BAND }, (_, k) => line(k)).join('\n  ');

/**
 * One thread makes one column of a band of rows: it filters each source row that the band needs horizontally, once, and
 * adds it to all rows of the band with their vertical weights (zero outside a row's window). So no intermediate
 * picture is stored, whose height would depend on the boxes. The sums of the grey values are cleared on the way.
 */
const kernel: Kernel = {
  key: 'augment/resized-crop',
  bindings: ['pixels: u32', 'records: u32', 'image: u32', 'greySums: u32'],
  params: ['size', 'pitch'],
  workgroup: [16, 2, 1],
  declarations: `
fn cubic(distance: f32) -> f32 {
  let d = abs(distance);
  let near = (1.5 * d - 2.5) * d * d + 1.0;
  let far = ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0;
  return select(select(0.0, far, d < 2.0), near, d < 1.0);
}
fn eightBits(v: vec3f) -> vec3f { return clamp(floor(v + 0.5), vec3f(0.0), vec3f(255.0)); }
/** One axis of a box: source places count from the whole pixel in which the box begins. */
struct Axis { first: i32, places: i32, start: f32, scale: f32, filterScale: f32 }
fn axis(start: f32, length: f32, limit: u32) -> Axis {
  let first = clamp(i32(floor(start)), 0, i32(limit) - 1);
  let end = clamp(i32(ceil(start + length)), first + 1, i32(limit));
  let scale = length / f32(p.size);
  return Axis(first, end - first, start - f32(first), scale, max(scale, 1.0));
}
/** First and past-the-end source place under the filter around a centre. */
fn window(a: Axis, firstCentre: f32, lastCentre: f32) -> vec2i {
  let low = i32(floor(firstCentre - 2.0 * a.filterScale + 0.5));
  let high = i32(floor(lastCentre + 2.0 * a.filterScale + 0.5));
  return clamp(vec2i(low, high), vec2i(0), vec2i(a.places));
}
fn store(crop: u32, x: u32, y: u32, sum: vec4f) {
  if (y >= p.size) { return; }
  let c = vec3u(eightBits(sum.xyz / sum.w));
  image[(crop * p.size + y) * p.pitch + x] = c.x | (c.y << 8u) | (c.z << 16u);
}`,
  main: `
  let crop = group.z;
  let x = global.x;
  let top = global.y * ${BAND}u;
  if (x == 0u && top == 0u) { greySums[crop] = 0u; }
  if (x >= p.pitch || top >= p.size) { return; }
  let r = crop * 16u;
  let pictureWidth = records[r + 1u];
  let across = axis(bitcast<f32>(records[r + 3u]), bitcast<f32>(records[r + 5u]), pictureWidth);
  let down = axis(bitcast<f32>(records[r + 4u]), bitcast<f32>(records[r + 6u]), records[r + 2u]);

  // Columns that only pad a row to whole vec4 repeat the last one.
  let column = min(x, p.size - 1u);
  let unflipped = select(column, p.size - 1u - column, (records[r + 7u] & 1u) != 0u);
  let centre = across.start + (f32(unflipped) + 0.5) * across.scale;
  let taps = window(across, centre, centre);
  let narrow = 1.0 / across.filterScale;
  var total = 0.0;
  for (var t = taps.x; t < taps.y; t++) { total += cubic((f32(t) + 0.5 - centre) * narrow); }
  let normalise = 1.0 / total;

  let firstCentre = down.start + (f32(top) + 0.5) * down.scale;
  let rows = window(down, firstCentre, firstCentre + ${BAND - 1}.0 * down.scale);
  let flat = 1.0 / down.filterScale;
  let step = down.scale * flat;
  let begin = records[r] + u32(down.first) * pictureWidth + u32(across.first);
  ${each((k) => `var sum${k} = vec4f();`)}
  for (var y = rows.x; y < rows.y; y++) {
    let line = begin + u32(y) * pictureWidth;
    var filtered = vec3f();
    for (var t = taps.x; t < taps.y; t++) {
      let v = pixels[line + u32(t)];
      filtered += cubic((f32(t) + 0.5 - centre) * narrow) * vec3f(vec3u(v & 255u, (v >> 8u) & 255u, (v >> 16u) & 255u));
    }
    let value = vec4f(eightBits(filtered * normalise), 1.0);
    let distance = (f32(y) + 0.5 - firstCentre) * flat;
    ${each((k) => `sum${k} += cubic(distance - ${k}.0 * step) * value;`)}
  }
  ${each((k) => `store(crop, x, top + ${k}u, sum${k});`)}`,
};

/** @returns the kernel and its workgroups for `crops` pictures of `size`, rows padded to `pitch` */
export function resizedCrop(crops: number, size: number, pitch: number): Pick<Dispatch, 'kernel' | 'workgroups'> {
  return { kernel, workgroups: [Math.ceil(pitch / 16), Math.ceil(size / (2 * BAND)), crops] };
}
