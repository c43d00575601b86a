import type { Part } from '../canvas';
import { anyInk, dark, inkPair, mixInk, pale } from '../palette';
import { box, capsule, circle, ellipse, polygon, ring, subtract, union } from '../shapes';
import type { Shape } from '../shapes';
import { checks, flat, patterned, step, stripes, turned, weave, zigzag } from '../textures';
import { gingham, lights, puffs, tiles } from '../surroundings';
import type { SampleClass } from './kit';

/** Woven strands between two rims, an arched handle. */
export const basket: SampleClass = {
  name: 'basket',
  lean: 0.24,
  hue: 1.3,
  home: { ground: gingham, hue: 0.3 },
  draw({ random, soft, hue }) {
    const [strand, gap] = inkPair(random, hue);
    const rim = random.uniform() < 0.6 ? strand : anyInk(random);
    const base = random.between(0.45, 0.65);
    const top = random.between(-0.15, 0.05);
    const twist = patterned(rim, mixInk(rim, dark, 0.5), turned(stripes(0.15, 0.4, soft), 0.7));
    return [
      { shape: ring(0, top, random.between(0.58, 0.7), 0.07, true), surface: twist, bevel: 0.08 },
      {
        shape: polygon([[-0.82, top], [0.82, top], [base, 0.84], [-base, 0.84]], 0.04),
        surface: patterned(strand, gap, weave(random.between(0.24, 0.32), soft)),
        bevel: 0.2,
      },
      { shape: box(0, top, 0.92, 0.09, 0.08), surface: twist, bevel: 0.09 },
      { shape: box(0, 0.86, base + 0.06, 0.07, 0.06), surface: twist, bevel: 0.08 },
    ];
  },
};

/** A round belly with zigzag bands, a narrow neck, often two handles. */
export const vase: SampleClass = {
  name: 'vase',
  lean: 0.24,
  hue: 3.4,
  home: { ground: tiles, hue: 6.1 },
  draw({ random, soft, hue }) {
    const [clay, paint] = inkPair(random, hue);
    const belly = random.between(0.5, 0.66);
    const low = random.between(0.1, 0.3);
    const lines = zigzag(random.between(0.3, 0.4), random.between(0.1, 0.16), random.between(0.38, 0.5), soft);
    const neck = capsule([0, 0], [0, -0.8], 0.24, 0.17);
    const body = union([ellipse(0, low, belly, 0.6), neck, box(0, 0.86, 0.34, 0.09, 0.03)], 0.22);
    const parts: Part[] = [];
    if (random.uniform() < 0.65) {
      const grip = [-1, 1].map((side) => subtract(circle(side * 0.36, -0.36, 0.28), circle(side * 0.36, -0.36, 0.17)));
      parts.push({ shape: union(grip), surface: flat(mixInk(clay, paint, random.uniform())), bevel: 0.07 });
    }
    parts.push({ shape: body, surface: patterned(clay, paint, lines), bevel: 0.3 });
    parts.push({ shape: ellipse(0, -0.9, 0.3, 0.1), surface: flat(clay), bevel: 0.05 });
    parts.push({ shape: ellipse(0, -0.9, 0.2, 0.05), surface: flat(mixInk(clay, dark, 0.7)), bevel: 0 });
    return parts;
  },
};

/** Paper ribs that run from cap to cap, a ring above and a tassel below. */
export const lantern: SampleClass = {
  name: 'lantern',
  lean: 0.27,
  hue: 0.15,
  home: { ground: lights, hue: 4.9 },
  draw({ random, soft, hue }) {
    const [paper, rib] = inkPair(random, hue);
    const cap = anyInk(random, 0.3, 0.8);
    const wide = random.between(0.62, 0.8);
    const tall = random.between(0.5, 0.58);
    const count = random.between(2.8, 4);
    // A meridian's place is its longitude: the arc sine of x over the half-width at that height.
    const meridians = (x: number, y: number): number => {
      const half = wide * Math.sqrt(Math.max(0.04, 1 - ((y + 0.06) / tall) ** 2));
      const longitude = (Math.asin(Math.min(1, Math.max(-1, x / half))) / Math.PI) * 2 * count;
      return step(0.17 - Math.abs(longitude - Math.round(longitude)), (soft * count) / half);
    };
    const threads = patterned(cap, mixInk(cap, dark, 0.5), stripes(0.1, 0.4, soft));
    return [
      { shape: ring(0, -0.82, 0.13, 0.035), surface: flat(cap), bevel: 0.04 },
      { shape: polygon([[-0.08, 0.55], [0.08, 0.55], [0.16, 0.98], [-0.16, 0.98]]), surface: threads, bevel: 0.05 },
      { shape: ellipse(0, -0.06, wide, tall), surface: patterned(paper, rib, meridians), bevel: 0.35 },
      { shape: box(0, -0.58, 0.3, 0.09, 0.03), surface: flat(cap), bevel: 0.08 },
      { shape: box(0, 0.47, 0.3, 0.08, 0.03), surface: flat(cap), bevel: 0.08 },
    ];
  },
};

/** A chequered lozenge with crossed spars and a tail of bows. */
export const kite: SampleClass = {
  name: 'kite',
  lean: 0.3,
  hue: 5.9,
  home: { ground: puffs, hue: 4.2 },
  draw({ random, soft, hue }) {
    const [cloth, second] = inkPair(random, hue);
    const bow = anyInk(random);
    const spar = mixInk(anyInk(random), dark, 0.5);
    const wide = random.between(0.52, 0.68);
    const cross = random.between(-0.45, -0.25);
    const bend = random.between(-0.35, 0.35);
    const line = union([capsule([0, 0.35], [bend, 0.7], 0.025), capsule([bend, 0.7], [0, 1], 0.025)]);
    const parts: Part[] = [{ shape: line, surface: flat(spar), bevel: 0.02 }];
    for (const t of [0.35, 0.95]) {
      const x = bend * (t < 0.5 ? 2 * t : 2 - 2 * t);
      const y = 0.4 + 0.55 * t;
      const wing = (reach: number): Shape => polygon([[x, y], [x + reach, y - 0.1], [x + reach, y + 0.1]]);
      parts.push({ shape: union([wing(0.17), wing(-0.17)]), surface: flat(bow), bevel: 0.05 });
    }
    const sail = polygon([[0, -0.98], [wide, cross], [0, 0.42], [-wide, cross]]);
    parts.push({ shape: sail, surface: patterned(cloth, second, checks(random.between(0.24, 0.33), soft)), bevel: 0.04 });
    const spars = union([capsule([0, -0.98], [0, 0.42], 0.025), capsule([-wide, cross], [wide, cross], 0.025)]);
    parts.push({ shape: spars, surface: flat(spar), bevel: 0.02 });
    parts.push({ shape: circle(0, cross, 0.05), surface: flat(pale), bevel: 0.03 });
    return parts;
  },
};
