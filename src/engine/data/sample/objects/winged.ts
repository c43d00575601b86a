import { anyInk, dark, inkPair, mixInk, pale } from '../palette';
import { box, capsule, circle, ellipse, mirrored, polygon, union } from '../shapes';
import { flat, patterned, rings, scales, spots, step } from '../textures';
import { grass, leaf, timber } from '../surroundings';
import type { SampleClass } from './kit';

/** Domed wing cases with big spots, a seam, a small head, six legs. */
export const ladybird: SampleClass = {
  name: 'ladybird',
  lean: 0.3,
  hue: 0.45,
  home: { ground: leaf, hue: 2.4 },
  draw({ random, noise, soft, hue }) {
    const [wing, spot] = inkPair(random, hue);
    const body = mixInk(anyInk(random), dark, 0.65);
    const long = random.between(0.66, 0.78);
    const dots = spots(random.between(0.36, 0.46), random.between(0.34, 0.4), soft, noise);
    const legs = [-0.3, 0.1, 0.5].map((y) => capsule([0.5, y], [0.86, y + (y - 0.1) * 0.5], 0.055, 0.04));
    return [
      { shape: mirrored(union(legs)), surface: flat(body), bevel: 0.05 },
      { shape: mirrored(capsule([0.1, -0.75], [0.3, -0.98], 0.035)), surface: flat(body), bevel: 0.03 },
      { shape: ellipse(0, -0.62, 0.36, 0.26), surface: flat(body), bevel: 0.15 },
      { shape: mirrored(circle(0.19, -0.68, 0.08)), surface: flat(pale), bevel: 0.03 },
      {
        shape: ellipse(0, 0.12, 0.7, long),
        surface: patterned(wing, spot, (x, y) => Math.max(dots(Math.abs(x) - 0.2, y), step(0.03 - Math.abs(x), soft))),
        bevel: 0.5,
      },
    ];
  },
};

/** Two pairs of wings with ringed eye-spots and dark rims, a thin body, clubbed feelers. */
export const butterfly: SampleClass = {
  name: 'butterfly',
  lean: 0.3,
  hue: 5.2,
  home: { ground: grass, hue: 2.2 },
  draw({ random, soft, hue }) {
    const [upper, mark] = inkPair(random, hue);
    const [lower, mark2] = random.uniform() < 0.5 ? [upper, mark] : inkPair(random, hue);
    const body = mixInk(anyInk(random), dark, 0.7);
    const lift = random.between(-0.75, -0.5);
    const wide = random.between(0.3, 0.4);
    const period = random.between(0.19, 0.26);
    const eyes = rings(0.55, lift * 0.72, period, random.between(0.42, 0.58), soft);
    const trunk = union([capsule([0, -0.32], [0, 0.55], 0.1, 0.06), circle(0, -0.38, 0.12)], 0.05);
    const eyes2 = rings(0.42, 0.5, period, random.between(0.42, 0.58), soft);
    return [
      {
        shape: mirrored(ellipse(0.4, 0.42, 0.34, 0.46, random.between(-0.7, -0.2))),
        surface: patterned(lower, mark2, (x, y) => eyes2(Math.abs(x), y)),
        bevel: 0.07,
      },
      {
        shape: mirrored(union([ellipse(0.5, lift * 0.65, 0.52, wide, -0.6), capsule([0.05, 0], [0.7, lift], 0.08, 0.24)], 0.1)),
        surface: patterned(upper, mark, (x, y) => eyes(Math.abs(x), y)),
        bevel: 0.07,
      },
      { shape: mirrored(capsule([0.03, -0.35], [0.24, -0.85], 0.025)), surface: flat(body), bevel: 0.03 },
      { shape: mirrored(circle(0.24, -0.86, 0.055)), surface: flat(body), bevel: 0.03 },
      { shape: trunk, surface: flat(body), bevel: 0.1 },
    ];
  },
};

/** Feathers in rows like shingles, two great eyes, a beak, ears. */
export const owl: SampleClass = {
  name: 'owl',
  lean: 0.27,
  hue: 0.2,
  home: { ground: timber, hue: 1.6 },
  draw({ random, soft, hue }) {
    const [feather, rim] = inkPair(random, hue);
    const face = anyInk(random, 0.55);
    const iris = anyInk(random, 0.5);
    const beak = anyInk(random, 0.4);
    const fat = random.between(0.55, 0.68);
    const eye = random.between(0.25, 0.31);
    const plumage = patterned(feather, rim, scales(random.between(0.32, 0.44), random.between(0.16, 0.24), soft));
    const ear = polygon([[0.2, -0.7], [0.58, -0.98], [0.56, -0.45]], 0.03);
    const toes = [0.16, 0.28, 0.4].map((x) => capsule([x, 0.86], [x, 0.96], 0.05));
    return [
      { shape: mirrored(union(toes)), surface: flat(beak), bevel: 0.05 },
      { shape: mirrored(ear), surface: flat(mixInk(feather, dark, 0.25)), bevel: 0.08 },
      { shape: union([ellipse(0, 0.2, fat, 0.72), ellipse(0, -0.4, 0.6, 0.46)], 0.2), surface: plumage, bevel: 0.3 },
      { shape: mirrored(ellipse(fat - 0.06, 0.25, 0.17, 0.5, 0.18)), surface: flat(mixInk(rim, feather, 0.35)), bevel: 0.14 },
      { shape: mirrored(circle(0.27, -0.4, eye + 0.06)), surface: flat(face), bevel: 0.1 },
      { shape: mirrored(circle(0.26, -0.4, eye - 0.05)), surface: flat(iris), bevel: 0.06 },
      { shape: mirrored(circle(0.25, -0.4, eye * 0.48)), surface: flat(dark), bevel: 0 },
      { shape: mirrored(box(0.29, -0.46, 0.035, 0.035, 0.03)), surface: flat(pale), bevel: 0 },
      { shape: polygon([[-0.09, -0.28], [0.09, -0.28], [0, -0.02]], 0.03), surface: flat(beak), bevel: 0.08 },
    ];
  },
};
