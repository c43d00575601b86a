import type { Part } from '../canvas';
import { anyInk, dark, inkPair, mixInk, pale } from '../palette';
import { box, capsule, circle, ellipse, polygon, union } from '../shapes';
import type { Point, Shape } from '../shapes';
import { flat, lozenges, patterned, seeds, stripes, strokes } from '../textures';
import { cracks, furrows, herringbone, snowfall } from '../surroundings';
import type { SampleClass } from './kit';

/** A disc of seeds in crossing spirals, a ring of pointed petals, stem and leaves. */
export const sunflower: SampleClass = {
  name: 'sunflower',
  lean: 0.48,
  hue: 1.8,
  home: { ground: furrows, hue: 1.0 },
  draw({ random, hue }) {
    const [disc, seed] = inkPair(random, hue);
    const petal = anyInk(random, 0.55);
    const green = anyInk(random, 0.35, 0.7);
    const count = 12 + random.integer(6);
    const radius = random.between(0.3, 0.38);
    const cy = -0.25;
    const wreath = (shift: number, reach: number): Shape => {
      const petals = Array.from({ length: count }, (_, i) => {
        const angle = ((i + shift) * 2 * Math.PI) / count;
        const at = (radius + reach) / 2 + 0.06;
        return ellipse(at * Math.cos(angle), cy + at * Math.sin(angle), reach / 2 + 0.06, 0.105, angle);
      });
      return union(petals);
    };
    return [
      { shape: capsule([0, 0.2], [random.between(-0.12, 0.12), 1], 0.055), surface: flat(green), bevel: 0.06 },
      { shape: ellipse(0.26, 0.72, 0.27, 0.1, -0.5), surface: flat(green), bevel: 0.08 },
      { shape: ellipse(-0.25, 0.82, 0.24, 0.09, 0.5), surface: flat(green), bevel: 0.08 },
      { shape: wreath(0.5, 0.46), surface: flat(mixInk(petal, dark, 0.3)), bevel: 0.06 },
      { shape: wreath(0, 0.42), surface: flat(petal), bevel: 0.08 },
      { shape: circle(0, cy, radius), surface: patterned(disc, seed, seeds(0, cy, radius)), bevel: 0.16 },
    ];
  },
};

/** Tiers of needles one under another on a short trunk. */
export const pineTree: SampleClass = {
  name: 'pine-tree',
  lean: 0.18,
  hue: 2.7,
  home: { ground: snowfall, hue: 4.5 },
  draw({ random, noise, soft, hue }) {
    const [needle, tip] = inkPair(random, hue);
    const trunk = anyInk(random, 0.3, 0.6);
    const tiers = 3 + random.integer(3);
    const wide = random.between(0.5, 0.75);
    const parts: Part[] = [{ shape: box(0, 0.8, 0.09, 0.2, 0.02), surface: flat(trunk), bevel: 0.08 }];
    const fur = strokes(0.1, 0.36, soft, noise);
    for (let tier = tiers - 1; tier >= 0; tier--) {
      const top = -0.98 + (tier * 1.35) / tiers;
      const bottom = -0.98 + ((tier + 1.55) * 1.62) / (tiers + 0.55);
      const half = wide * (0.4 + (0.6 * (tier + 1)) / tiers);
      const hem: Point[] = [];
      const teeth = 5 + 2 * tier;
      for (let i = 0; i <= 2 * teeth; i++) hem.push([half - (i * half) / teeth, bottom - (i & 1 ? 0.1 : 0)]);
      const shade = (x: number, y: number): number => fur(x / (0.4 + y - top), y) * 0.9 + ((y - top) / (bottom - top)) * 0.1;
      parts.push({ shape: polygon([[0, top], ...hem]), surface: patterned(needle, tip, shade), bevel: 0.09 });
    }
    return parts;
  },
};

/** Ribbed columns with rows of spines, arms bent upwards, in a pot. */
export const cactus: SampleClass = {
  name: 'cactus',
  lean: 0.21,
  hue: 2.4,
  home: { ground: cracks, hue: 0.9 },
  draw({ random, soft, hue }) {
    const [skin, rib] = inkPair(random, hue);
    const pot = anyInk(random);
    const flower = anyInk(random, 0.6);
    const thick = random.between(0.22, 0.28);
    const ribs = stripes(thick / 1.7, 0.4, soft);
    const spine = (x: number, y: number): number => {
      const u = x / (thick / 1.7);
      const row = y / 0.16 + (Math.round(u) & 1) * 0.5;
      return Math.abs(u - Math.round(u)) < 0.24 && Math.abs(row - Math.round(row)) < 0.16 ? 1 : 0;
    };
    const column = patterned(skin, rib, (x, y) => Math.max(0.8 * ribs(x + thick / 3.4, y), spine(x + thick / 3.4, y) * 0.25));
    const parts: Part[] = [];
    for (const side of [-1, 1]) {
      if (side === 1 && random.uniform() < 0.25) continue;
      const y = random.between(-0.15, 0.25);
      const x = side * random.between(0.52, 0.64);
      const top = y - random.between(0.3, 0.5);
      const arm = thick * 0.58;
      parts.push({
        shape: union([capsule([0, y], [x, y], arm * 0.85), capsule([x, y], [x, top], arm)], 0.08),
        surface: column,
        bevel: 0.14,
      });
      parts.push({ shape: circle(x, top - arm, 0.08), surface: flat(flower), bevel: 0.06 });
    }
    parts.push({ shape: capsule([0, -0.66], [0, 0.6], thick), surface: column, bevel: 0.22 });
    const buds = [0, 1, 2].map((i) => circle(0.09 * (i - 1), -0.9 - (i & 1) * 0.05, 0.075));
    parts.push({ shape: union(buds), surface: flat(flower), bevel: 0.06 });
    parts.push({ shape: polygon([[-0.38, 0.6], [0.38, 0.6], [0.28, 0.98], [-0.28, 0.98]]), surface: flat(pot), bevel: 0.14 });
    parts.push({ shape: box(0, 0.6, 0.44, 0.07, 0.03), surface: flat(mixInk(pot, pale, 0.15)), bevel: 0.06 });
    return parts;
  },
};

/** Lozenges with a dot in each, under a tuft of sword leaves. */
export const pineapple: SampleClass = {
  name: 'pineapple',
  lean: 0.5,
  hue: 2.1,
  home: { ground: herringbone, hue: 5.1 },
  draw({ random, soft, hue }) {
    const [skin, line] = inkPair(random, hue);
    const leaf = anyInk(random, 0.4, 0.75);
    const fat = random.between(0.46, 0.56);
    const width = random.between(0.32, 0.42);
    const blades: Part[] = [];
    for (const angle of [-1.05, 1.05, -0.65, 0.65, -0.3, 0.3, 0]) {
      const reach = 0.62 - Math.abs(angle) * 0.12 + random.between(-0.05, 0.05);
      const tip: Point = [reach * Math.sin(angle), -0.36 - reach * Math.cos(angle)];
      const shade = flat(mixInk(leaf, dark, random.between(0, 0.3)));
      blades.push({ shape: capsule([0, -0.34], tip, 0.12, 0.01), surface: shade, bevel: 0.07 });
    }
    return [
      ...blades,
      {
        shape: ellipse(0, 0.32, fat, 0.66),
        surface: patterned(skin, line, lozenges(width, width * random.between(1, 1.3), soft)),
        bevel: 0.35,
      },
    ];
  },
};
