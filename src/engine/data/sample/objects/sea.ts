import type { Part } from '../canvas';
import { anyInk, dark, inkPair, mixInk, pale } from '../palette';
import { capsule, circle, ellipse, polygon, union } from '../shapes';
import type { Point, Shape } from '../shapes';
import { flat, patterned, spiral, spots, step, stripes } from '../textures';
import { pebbles, ripples, waves } from '../surroundings';
import type { SampleClass } from './kit';

/** Cross-striped body, forked tail and fins with rays. */
export const stripedFish: SampleClass = {
  name: 'striped-fish',
  lean: 0.3,
  hue: 1.0,
  home: { ground: waves, hue: 4.1 },
  draw({ random, noise, soft, hue }) {
    const [body, band] = inkPair(random, hue);
    const fin = anyInk(random);
    const height = random.between(0.36, 0.58);
    const tail = random.between(0.32, 0.5);
    const rays = patterned(fin, mixInk(fin, dark, 0.55), stripes(0.13, 0.4, soft));
    const bands = stripes(random.between(0.28, 0.42), random.between(0.4, 0.6), soft, noise, random.between(0, 0.25));
    const upper = polygon([[-0.25, -height * 0.8], [0.15, -height - 0.26], [0.4, -height * 0.55]], 0.05);
    const lower = polygon([[-0.1, height * 0.8], [0.25, height + 0.2], [0.32, height * 0.6]], 0.04);
    return [
      { shape: polygon([[0.45, 0], [0.95, -tail], [0.82, 0], [0.95, tail]], 0.04), surface: rays, bevel: 0.06 },
      { shape: upper, surface: rays, bevel: 0.05 },
      { shape: lower, surface: rays, bevel: 0.05 },
      {
        shape: union([ellipse(-0.2, 0, 0.72, height), capsule([0, 0], [0.6, 0], height * 0.8, 0.08)], 0.1),
        surface: patterned(body, band, (x, y) => bands(x, y) * step(x + 0.62, 0.03)),
        bevel: 0.3,
      },
      { shape: polygon([[-0.12, 0.06], [0.22, 0.1], [0.1, 0.3]], 0.04), surface: rays, bevel: 0.05 },
      { shape: circle(-0.66, -0.1, 0.1), surface: flat(pale), bevel: 0.04 },
      { shape: circle(-0.67, -0.1, 0.055), surface: flat(dark), bevel: 0 },
    ];
  },
};

/** A shell wound in a spiral on a smooth foot with two feelers. */
export const snail: SampleClass = {
  name: 'snail',
  lean: 0.3,
  hue: 2.0,
  home: { ground: pebbles, hue: 5.5 },
  draw({ random, soft, hue }) {
    const [shell, line] = inkPair(random, hue);
    const foot = anyInk(random);
    const radius = random.between(0.52, 0.62);
    const raised = random.between(0.3, 0.6);
    const turns = radius / random.between(2.2, 2.9);
    const skin = flat(foot);
    const head: Point = [-0.82, 0.2 - raised * 0.5];
    const feeler = (dx: number): Part[] => [
      { shape: capsule(head, [head[0] + dx, head[1] - 0.4], 0.045), surface: skin, bevel: 0.05 },
      { shape: circle(head[0] + dx, head[1] - 0.4, 0.08), surface: flat(mixInk(foot, dark, 0.6)), bevel: 0.05 },
    ];
    return [
      ...feeler(-0.12),
      ...feeler(0.14),
      {
        shape: union([capsule([-0.55, 0.68], [0.9, 0.74], 0.17, 0.05), capsule([-0.5, 0.66], head, 0.17, 0.15)], 0.2),
        surface: skin,
        bevel: 0.14,
      },
      {
        shape: circle(0.14, 0.1, radius),
        surface: patterned(shell, line, spiral(0.14, 0.1, turns, random.between(0.32, 0.5), soft)),
        bevel: 0.4,
      },
    ];
  },
};

/** Five tapering arms, warty all over. */
export const starfish: SampleClass = {
  name: 'starfish',
  lean: 0.3,
  hue: 0.7,
  home: { ground: ripples, hue: 3.0 },
  draw({ random, noise, soft, hue }) {
    const [skin, wart] = inkPair(random, hue);
    const plump = random.between(0.2, 0.3);
    const arms: Shape[] = [];
    const ridges: Shape[] = [];
    for (let arm = 0; arm < 5; arm++) {
      const angle = ((arm + random.between(-0.1, 0.1)) * 2 * Math.PI) / 5;
      const reach = random.between(0.8, 0.95);
      const tip: Point = [reach * Math.cos(angle), reach * Math.sin(angle)];
      arms.push(capsule([0, 0], tip, plump, 0.09));
      for (let i = 1; i <= 5; i++) ridges.push(circle((tip[0] * i) / 5.5, (tip[1] * i) / 5.5, 0.075 - 0.007 * i));
    }
    return [
      {
        shape: union(arms, 0.16),
        surface: patterned(skin, mixInk(skin, wart, 0.6), spots(0.17, 0.32, soft, noise)),
        bevel: 0.2,
      },
      { shape: union(ridges), surface: flat(wart), bevel: 0.05 },
      { shape: circle(0, 0, 0.1), surface: flat(wart), bevel: 0.07 },
    ];
  },
};
