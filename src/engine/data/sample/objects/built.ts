import type { Part } from '../canvas';
import { anyInk, dark, inkPair, mixInk, pale } from '../palette';
import { box, capsule, circle, polygon, union } from '../shapes';
import type { Shape } from '../shapes';
import { bricks, flat, patterned, stripes, turned } from '../textures';
import { fence, scallops } from '../surroundings';
import type { SampleClass } from './kit';

/** Brick walls with latticed windows and a door, under a plain pitched roof with a chimney. */
export const brickHouse: SampleClass = {
  name: 'brick-house',
  lean: 0.18,
  hue: 0.75,
  home: { ground: fence, hue: 4.8 },
  draw({ random, noise, soft, hue }) {
    const [brick, joint] = inkPair(random, hue);
    const roof = anyInk(random, 0.35, 0.75);
    const door = anyInk(random, 0.35, 0.75);
    const wide = random.between(0.62, 0.8);
    const eaves = random.between(-0.3, -0.05);
    const wall = patterned(brick, joint, bricks(random.between(0.36, 0.46), random.between(0.18, 0.23), 0.055, soft, noise));
    const parts: Part[] = [
      { shape: box(wide * 0.55, eaves - 0.5, 0.12, 0.32), surface: wall, bevel: 0.04 },
      { shape: box(0, (eaves + 0.92) / 2, wide, (0.92 - eaves) / 2), surface: wall, bevel: 0.05 },
      {
        shape: polygon([[-wide - 0.16, eaves + 0.04], [wide + 0.16, eaves + 0.04], [random.between(-0.2, 0.2), -0.95]], 0.02),
        surface: patterned(roof, mixInk(roof, dark, 0.4), turned(stripes(0.2, 0.25, soft), Math.PI / 2)),
        bevel: 0.08,
      },
    ];
    const side = random.uniform() < 0.5 ? -1 : 1;
    const glass = anyInk(random, 0.3, 0.9);
    const panes = (x: number, y: number): Shape[] =>
      [-1, 1].flatMap((i) => [-1, 1].map((j) => box(x + 0.08 * i, y + 0.085 * j, 0.06, 0.065)));
    const window = (x: number, y: number): Part[] => [
      { shape: box(x, y, 0.19, 0.2), surface: flat(pale), bevel: 0.03 },
      { shape: union(panes(x, y)), surface: flat(glass), bevel: 0 },
    ];
    parts.push({ shape: box(side * wide * 0.42, 0.62, 0.17, 0.3, 0.02), surface: flat(door), bevel: 0.05 });
    parts.push({ shape: circle(side * wide * 0.42 + 0.1, 0.64, 0.03), surface: flat(pale), bevel: 0 });
    parts.push(...window(-side * wide * 0.42, 0.42));
    if (random.uniform() < 0.5) parts.push(...window(0, eaves - 0.2));
    return parts;
  },
};

/** Two tall seamed sails on a mast over a planked hull, with a pennant. */
export const sailBoat: SampleClass = {
  name: 'sail-boat',
  lean: 0.27,
  hue: 4.6,
  home: { ground: scallops, hue: 3.4 },
  draw({ random, noise, soft, hue }) {
    const [wood, seam] = inkPair(random, hue);
    const sail = anyInk(random, 0.6, 0.96);
    const jib = random.uniform() < 0.5 ? sail : anyInk(random, 0.5, 0.9);
    const mast = random.between(-0.12, 0.12);
    const foot = random.between(0.3, 0.42);
    const planks = turned(stripes(0.17, 0.35, soft, noise, 0.02), Math.PI / 2);
    const seams = turned(stripes(random.between(0.3, 0.4), 0.14, soft), random.between(1.2, 1.5));
    return [
      { shape: polygon([[mast, -0.96], [mast + 0.26, -0.88], [mast, -0.8]]), surface: flat(anyInk(random)), bevel: 0.04 },
      {
        shape: polygon([[mast + 0.07, -0.74], [mast + 0.78, foot], [mast + 0.07, foot]], 0.02),
        surface: patterned(sail, mixInk(sail, dark, 0.45), seams),
        bevel: 0.14,
      },
      {
        shape: polygon([[mast - 0.07, -0.66], [mast - 0.07, foot], [mast - 0.66, foot]], 0.02),
        surface: patterned(jib, mixInk(jib, dark, 0.45), seams),
        bevel: 0.14,
      },
      { shape: capsule([mast, -0.95], [mast, 0.55], 0.035), surface: flat(mixInk(wood, dark, 0.3)), bevel: 0.04 },
      {
        shape: polygon([[-0.92, 0.48], [0.95, 0.44], [0.66, 0.9], [-0.6, 0.92]], 0.03),
        surface: patterned(wood, seam, planks),
        bevel: 0.12,
      },
    ];
  },
};
