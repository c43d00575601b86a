import type { Random } from '../../random';
import type { Noise } from './noise';
import { groundPair } from './palette';
import type { Pattern, Surface } from './textures';
import { patterned, scales, spots, step, strokes, turned } from './textures';

/**
 * Where things are usually met: water, sand, cloth, a fence … A kind of ground with its own texture, at any scale,
 * in any muted colour, darker or lighter than its marks. Lengths in units of the picture's short side.
 */
export type Surroundings = (random: Random, noise: Noise, hue: number) => Surface;

/** Half a pixel and a little of a picture of 128, in the same units: how wide edges are. */
const SOFT = 0.006;

const whole = (value: number): number => Math.abs(value - Math.round(value));

/** Two inks, a pattern, turned by up to `lean` either way. */
const ground = (random: Random, hue: number, lean: number, pattern: Pattern): Surface => {
  const [a, b] = groundPair(random, hue);
  return patterned(a, b, turned(pattern, random.between(-lean, lean)));
};

/** A place's distance to the nearest and the next of scattered points, about one to a unit square. */
function scattered(noise: Noise, x: number, y: number): { nearest: number; next: number; shade: number } {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  let [nearest, next, shade] = [9, 9, 0];
  for (let j = row - 1; j <= row + 1; j++) {
    for (let i = column - 1; i <= column + 1; i++) {
      const distance = Math.hypot(i + noise.cell(i, j, 6) - x, j + noise.cell(i, j, 7) - y);
      if (distance < nearest) [nearest, next, shade] = [distance, nearest, noise.cell(i, j, 8)];
      else if (distance < next) next = distance;
    }
  }
  return { nearest, next, shade };
}

/** A leaf's side veins, which meet in ribs. */
export const leaf: Surroundings = (random, _noise, hue) => {
  const period = random.between(0.1, 0.16);
  const width = random.between(0.25, 0.4);
  return ground(random, hue, Math.PI, (x, y) => step(0.16 - whole((y + 1.2 * width * whole(x / width)) / period), SOFT / period));
};

/** Long waves, crest over crest. */
export const waves: Surroundings = (random, _noise, hue) => {
  const [period, length] = [random.between(0.1, 0.17), random.between(0.3, 0.5)];
  return ground(random, hue, 0.25, (x, y) => 0.5 + 0.5 * Math.sin((2 * Math.PI * (y + 0.04 * Math.sin((2 * Math.PI * x) / length))) / period));
};

/** A checked cloth: bands both ways, darkest where they cross. */
export const gingham: Surroundings = (random, _noise, hue) => {
  const period = random.between(0.14, 0.24);
  const band = (v: number): number => step(0.25 - whole(v / period), SOFT / period);
  return ground(random, hue, Math.PI, (x, y) => (band(x) + band(y)) / 2);
};

/** Planks of a fence, gaps between them, with their grain. */
export const fence: Surroundings = (random, noise, hue) => {
  const period = random.between(0.13, 0.2);
  return ground(random, hue, 0.1, (x, y) => {
    const gap = step(whole(x / period) - 0.4, SOFT / period);
    return Math.max(gap, 0.45 * noise.fractal(x * 40, y * 3, 2));
  });
};

/** Ploughed rows, slanting. */
export const furrows: Surroundings = (random, noise, hue) => {
  const period = random.between(0.08, 0.14);
  const slope = (random.uniform() < 0.5 ? 1 : -1) * random.between(0.7, 1.3);
  return ground(random, hue, 0.1, (x, y) => {
    const along = (y + slope * x) / Math.hypot(1, slope) / period;
    return (along - Math.floor(along)) * (0.7 + 0.5 * (noise.fractal(x * 18, y * 18, 2) - 0.5));
  });
};

/** Snow in the air. */
export const snowfall: Surroundings = (random, noise, hue) => {
  const period = random.between(0.1, 0.16);
  return ground(random, hue, Math.PI, spots(period, 0.3, SOFT, noise));
};

/** Blades of grass. */
export const grass: Surroundings = (random, noise, hue) => {
  const [width, length] = [random.between(0.03, 0.05), random.between(0.18, 0.3)];
  return ground(random, hue, 0.3, strokes(width, length, SOFT, noise));
};

/** Round stones, each its own shade, dark joints. */
export const pebbles: Surroundings = (random, noise, hue) => {
  const scale = random.between(6, 10);
  return ground(random, hue, Math.PI, (x, y) => {
    const { nearest, next, shade } = scattered(noise, x * scale, y * scale);
    return Math.min(1, Math.max(0, (next - nearest) * 2.2)) * (0.55 + 0.45 * shade);
  });
};

/** Dry ground, cracked into plates. */
export const cracks: Surroundings = (random, noise, hue) => {
  const scale = random.between(3, 5);
  return ground(random, hue, Math.PI, (x, y) => {
    const { nearest, next } = scattered(noise, x * scale, y * scale);
    return step(0.07 - (next - nearest) / 2, 0.03);
  });
};

/** Round wavelets in rows, rings within, as drawn on Japanese cloth. */
export const scallops: Surroundings = (random, _noise, hue) => ground(random, hue, 0.15, scales(random.between(0.17, 0.28), 0.16, SOFT));

/** Wood across its rings: long lines that bend round knots. */
export const timber: Surroundings = (random, noise, hue) => {
  const period = random.between(0.06, 0.1);
  return ground(random, hue, Math.PI, (x, y) => {
    const along = (x + 0.35 * noise.at(x * 1.5 + 20, y * 3.5)) / period;
    return (0.5 + 0.5 * Math.cos(2 * Math.PI * along)) ** 2;
  });
};

/** Heaped round clouds. */
export const puffs: Surroundings = (random, noise, hue) => {
  const scale = random.between(3, 4.5);
  return ground(random, hue, 0.2, (x, y) => {
    const { nearest } = scattered(noise, x * scale, y * scale * 1.4);
    return step(0.55 - nearest, 0.06) * (0.75 + 0.25 * Math.min(1, Math.max(0, 1 - 1.5 * nearest)));
  });
};

/** Square tiles with joints; single tiles lighter or darker. */
export const tiles: Surroundings = (random, noise, hue) => {
  const period = random.between(0.13, 0.2);
  return ground(random, hue, Math.PI, (x, y) => {
    const joint = step(Math.max(whole(x / period + 0.5), whole(y / period + 0.5)) - 0.42, SOFT / period);
    return Math.max(joint, 0.4 * noise.cell(Math.floor(x / period + 0.5), Math.floor(y / period + 0.5), 9));
  });
};

/** Broken diagonal strips laid against each other, as parquet and palm mats are. */
export const herringbone: Surroundings = (random, _noise, hue) => {
  const period = random.between(0.07, 0.11);
  return ground(random, hue, Math.PI, (x, y) => {
    const column = Math.floor(x / (2.5 * period));
    const slant = column & 1 ? x : -x;
    return step(0.28 - whole((y + slant) / period), SOFT / period);
  });
};

/** Rings of light, out of focus. */
export const lights: Surroundings = (random, noise, hue) => {
  const scale = random.between(3.5, 5.5);
  return ground(random, hue, Math.PI, (x, y) => {
    const { nearest } = scattered(noise, x * scale, y * scale);
    return step(0.09 - Math.abs(nearest - 0.34), 0.03) + 0.3 * step(0.34 - nearest, 0.03);
  });
};

/** Sand that wind or water has rippled: fine lines that wander and join. */
export const ripples: Surroundings = (random, noise, hue) => {
  const period = random.between(0.07, 0.11);
  return ground(random, hue, Math.PI, (x, y) => {
    const bent = y + 0.22 * noise.at(x * 4 + 11, y * 4);
    return 0.5 + 0.5 * Math.sin((2 * Math.PI * bent) / period);
  });
};
