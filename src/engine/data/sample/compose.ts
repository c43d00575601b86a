import { Purpose, Random } from '../../random';
import { paintBackdrop } from './backdrop';
import type { Light, Part, Placement } from './canvas';
import { Canvas, Layer } from './canvas';
import { Noise } from './noise';
import { sampleClasses } from './objects';
import { anyInk, typicalHue } from './palette';
import { box, capsule, ellipse, polygon } from './shapes';
import { flat } from './textures';

/** A finished picture: 8-bit RGB, row after row. */
export interface SamplePicture {
  width: number;
  height: number;
  data: Uint8Array;
}

/** Which picture: the set's seed, the class's place in `sampleClasses`, the picture's number in its class. */
export interface SampleKey {
  seed: number;
  classIndex: number;
  pictureIndex: number;
}

/**
 * Draws one sample picture; `size` is the middle of its sides in pixels (each side 7/8 … 5/4 of it). It depends on
 * nothing but its arguments.
 *
 * One to three things of the class lie in the surroundings where they are usually met, everything with its own
 * colours, size, turn and proportions: what two crops of a picture have in common, and two pictures have not, is the
 * class: by its shapes, their texture, and the texture of the place.
 */
export function drawSample({ seed, classIndex, pictureIndex }: SampleKey, size: number): SamplePicture {
  const random = new Random(seed, Purpose.sample, classIndex, pictureIndex);
  const noise = new Noise(random);
  const side = (): number => Math.round((size * random.between(112, 160)) / 128);
  const width = side();
  const height = random.uniform() < 0.5 ? width : side();
  const canvas = new Canvas(width, height);
  const kind = sampleClasses[classIndex]!;
  // One in eight is met elsewhere: where a thing stands tells much about it, and not all.
  const met = random.uniform() < 0.875 ? kind : sampleClasses[random.integer(sampleClasses.length)]!;
  paintBackdrop(canvas, random, noise, met.home);
  const light = drawLight(random);
  const layer = new Layer(width, height);

  clutter(canvas, layer, random, light, random.integer(3));
  const places = layOut(width, height, random);
  for (const place of places) {
    place.turn = random.between(-kind.lean, kind.lean);
    place.mirror = random.uniform() < 0.5;
    layer.clear();
    for (const part of kind.draw({ random, noise, soft: 0.7 / place.scale, hue: typicalHue(random, kind.hue) })) layer.paint(part, place, light);
    const drop = place.scale * light.drop;
    const shadow = { dx: -light.x * drop, dy: -light.y * drop, blur: 0.04 * place.scale + 1, depth: light.shadow };
    layer.flattenTo(canvas, light.shadow > 0.05 ? shadow : undefined);
  }
  clutter(canvas, layer, random, light, random.integer(3));
  return { width, height, data: develop(canvas, random, noise) };
}

interface Scene extends Light {
  /** How dark shadows are, 0 … 0.6, and how far they fall, in object units. */
  shadow: number;
  drop: number;
}

function drawLight(random: Random): Scene {
  const angle = random.between(0, 2 * Math.PI);
  return {
    x: Math.cos(angle),
    y: Math.sin(angle),
    strength: random.between(0.1, 0.65),
    outline: random.uniform() < 0.5 ? 0 : random.between(0.2, 0.7),
    shadow: random.uniform() < 0.25 ? 0 : random.between(0.15, 0.6),
    drop: random.between(0.03, 0.14),
  };
}

/** Places for one to three things that together fill about a third to four fifths of the picture, overlapping little. */
function layOut(width: number, height: number, random: Random): Placement[] {
  const chance = random.uniform();
  const count = chance < 0.5 ? 1 : chance < 0.9 ? 2 : 3;
  const share = random.between(0.45, 0.8);
  const radius = Math.min(Math.sqrt((share * width * height) / (count * 2.1)), 0.62 * Math.min(width, height));
  const places: Placement[] = [];
  for (let i = 0; i < count; i++) {
    const scale = radius * random.between(0.8, 1.15);
    let best = { x: 0, y: 0, room: -Infinity };
    // Of a few places the one with most room around it.
    for (let attempt = 0; attempt < 12; attempt++) {
      const margin = 0.62 * scale;
      const x = random.between(Math.min(margin, width / 2), Math.max(width - margin, width / 2));
      const y = random.between(Math.min(margin, height / 2), Math.max(height - margin, height / 2));
      const room = Math.min(...places.map((p) => Math.hypot(p.x - x, p.y - y) - p.scale - scale), count === 1 ? 0 : Infinity);
      if (room > best.room) best = { x, y, room };
      if (room >= 0) break;
    }
    places.push({ x: best.x, y: best.y, scale, turn: 0, mirror: false });
  }
  return places;
}

/** Small plain odds and ends, the same for every class, behind and before the things. */
function clutter(canvas: Canvas, layer: Layer, random: Random, light: Light, count: number): void {
  if (count === 0) return;
  layer.clear();
  for (let i = 0; i < count; i++) {
    const part: Part = { shape: oddment(random), surface: flat(anyInk(random, 0.3)), bevel: random.between(0, 0.4) };
    const place: Placement = {
      x: random.between(0, canvas.width),
      y: random.between(0, canvas.height),
      scale: Math.min(canvas.width, canvas.height) * random.between(0.05, 0.13),
      turn: random.between(0, 2 * Math.PI),
      mirror: false,
    };
    layer.paint(part, place, light);
  }
  layer.flattenTo(canvas);
}

function oddment(random: Random): Part['shape'] {
  switch (random.integer(4)) {
    case 0:
      return ellipse(0, 0, 1, random.between(0.3, 1));
    case 1:
      return box(0, 0, 1, random.between(0.3, 1), 0.1);
    case 2:
      return capsule([-1.6, 0], [1.6, random.between(-0.5, 0.5)], random.between(0.1, 0.25), 0.08);
    default:
      return polygon([[-0.9, 0.7], [0.9, random.between(0.2, 0.8)], [random.between(-0.5, 0.5), -0.9]], 0.1);
  }
}

/** Uneven light over the picture, contrast, brightness, a little grain; then eight bits. */
function develop(canvas: Canvas, random: Random, noise: Noise): Uint8Array {
  const { width, height, rgb } = canvas;
  const angle = random.between(0, 2 * Math.PI);
  const slope = random.between(0, 0.35) / Math.min(width, height);
  const [sx, sy] = [slope * Math.cos(angle), slope * Math.sin(angle)];
  const contrast = random.between(0.75, 1.15);
  const brightness = random.between(-0.08, 0.08);
  const grain = random.uniform() < 0.4 ? 0 : random.between(0, 0.06);
  const data = new Uint8Array(width * height * 3);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const lit = 1 + (column - width / 2) * sx + (row - height / 2) * sy;
      const speck = grain * (noise.cell(column + 7 * row, row + (column >> 8), 5) - 0.5) * 2;
      for (let i = 0; i < 3; i++, at++) {
        const value = (rgb[at]! * lit - 0.5) * contrast + 0.5 + brightness + speck;
        data[at] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
    }
  }
  return data;
}
