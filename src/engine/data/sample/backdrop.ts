import type { Random } from '../../random';
import type { Canvas } from './canvas';
import type { Noise } from './noise';
import type { SampleClass } from './objects';
import { groundInk, mixInk, typicalHue } from './palette';
import type { Surface } from './textures';
import { flat, patterned, step } from './textures';

/** A ground: the colour at a place of the picture, in units of its short side. Grounds are shared by all classes. */
type Ground = (random: Random, noise: Noise) => Surface;

const gradient: Ground = (random) => {
  const angle = random.between(0, 2 * Math.PI);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return patterned(groundInk(random, 0.3), groundInk(random, 0.3), (x, y) => step((x - 0.5) * cos + (y - 0.5) * sin, 0.7));
};

const clouds: Ground = (random, noise) => {
  const [a, b] = [groundInk(random), groundInk(random)];
  const scale = random.between(1.5, 6);
  const stretch = random.between(0.5, 2);
  const shift = random.between(0, 90);
  return patterned(a, mixInk(a, b, random.between(0.4, 1)), (x, y) => noise.fractal(x * scale + shift, y * scale * stretch, 4));
};

/** Wood, cloth, rain: noise drawn out along one direction. */
const streaks: Ground = (random, noise) => {
  const [a, b] = [groundInk(random), groundInk(random)];
  const angle = random.between(0, Math.PI);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const fine = random.between(6, 18);
  return patterned(a, mixInk(a, b, random.between(0.4, 1)), (x, y) => {
    return noise.fractal((x * cos + y * sin) * 1.5, (y * cos - x * sin) * fine, 3);
  });
};

/** Veins where a fractal passes its middle. */
const marble: Ground = (random, noise) => {
  const [a, b] = [groundInk(random), groundInk(random)];
  const scale = random.between(1.5, 4);
  return patterned(a, mixInk(a, b, random.between(0.4, 1)), (x, y) => {
    return Math.max(0, 1 - 9 * Math.abs(noise.fractal(x * scale, y * scale, 3) - 0.5));
  });
};

/** Grass, gravel, sand. */
const grit: Ground = (random, noise) => {
  const [a, b] = [groundInk(random), groundInk(random)];
  const scale = random.between(14, 40);
  const tall = random.between(0.3, 1);
  return patterned(a, mixInk(a, b, random.between(0.3, 0.9)), (x, y) => noise.fractal(x * scale, y * scale * tall, 2));
};

/** Sky over two rows of hills. */
const hills: Ground = (random, noise) => {
  const sky = patterned(groundInk(random, 0.55, 0.95), groundInk(random, 0.55, 0.95), (_x, y) => Math.min(1, y * 1.5));
  const far = flat(groundInk(random, 0.4, 0.75));
  const [grass, blade] = [groundInk(random), groundInk(random)];
  const near = patterned(grass, mixInk(grass, blade, 0.35), (x, y) => noise.fractal(x * 20, y * 8, 2));
  const horizon = random.between(0.35, 0.75);
  const rough = random.between(1.5, 4);
  return (x, y, out) => {
    if (y > horizon + 0.22 * (noise.at(x * 1.5 + 30, 5) - 0.3)) near(x, y, out);
    else if (y > horizon + 0.35 * (noise.fractal(x * rough, 9, 3) - 0.75)) far(x, y, out);
    else sky(x, y, out);
  };
};

/** Soft discs of light. */
const glow: Ground = (random) => {
  const base = groundInk(random, 0.25, 0.6);
  const discs = Array.from({ length: 8 }, () => ({
    x: random.between(-0.1, 1.2),
    y: random.between(-0.1, 1.2),
    radius: random.between(0.06, 0.25),
    ink: groundInk(random, 0.5),
    strength: random.between(0.2, 0.6),
  }));
  return (x, y, out) => {
    out.set(base);
    for (const disc of discs) {
      const t = disc.strength * step(disc.radius - Math.hypot(x - disc.x, y - disc.y), 0.015);
      if (t > 0) for (let i = 0; i < 3; i++) out[i] = out[i]! + (disc.ink[i]! - out[i]!) * t;
    }
  };
};

const grounds: readonly Ground[] = [gradient, clouds, streaks, marble, grit, hills, glow];

/**
 * Fills the canvas: with `home`, on half of the pictures along a bent line with a ground of no class. So crops of one
 * picture share a texture oftener than a colour.
 */
export function paintBackdrop(canvas: Canvas, random: Random, noise: Noise, home: SampleClass['home']): void {
  const { width, height, rgb } = canvas;
  const unit = Math.min(width, height);
  const surfaces = [home.ground(random, noise, typicalHue(random, home.hue))];
  if (random.uniform() < 0.5) surfaces.push(grounds[random.integer(grounds.length)]!(random, noise));
  if (random.uniform() < 0.5) surfaces.reverse();
  const count = surfaces.length;
  const seams = Array.from({ length: count - 1 }, () => {
    const angle = random.between(0, 2 * Math.PI);
    return { cos: Math.cos(angle), sin: Math.sin(angle), at: random.between(-0.2, 0.2), bend: random.between(0, 0.4) };
  });
  const ink = new Float32Array(3);
  for (let row = 0, at = 0; row < height; row++) {
    const y = (row + 0.5) / unit;
    for (let column = 0; column < width; column++, at += 3) {
      const x = (column + 0.5) / unit;
      let ground = 0;
      for (let i = 0; i < seams.length; i++) {
        const seam = seams[i]!;
        const across = (x - 0.5) * seam.cos + (y - 0.5) * seam.sin - seam.at;
        if (across + seam.bend * (noise.at(x * 2 + 50 * i, y * 2) - 0.5) > 0) ground = i + 1;
      }
      surfaces[ground]!(x, y, ink);
      rgb.set(ink, at);
    }
  }
}
