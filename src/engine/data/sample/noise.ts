import type { Random } from '../../random';

const SIZE = 256;
const MASK = SIZE - 1;

const fade = (t: number): number => t * t * (3 - 2 * t);

/**
 * Smooth pseudo-random fields over the plane (value noise, Perlin 1985's lattice idea, and its fractal sum), from one
 * table per picture: thousands of look-ups cost no draw of random numbers.
 */
export class Noise {
  private readonly order: Uint32Array;
  private readonly values = new Float32Array(SIZE);

  constructor(random: Random) {
    this.order = random.permutation(SIZE);
    for (let i = 0; i < SIZE; i++) this.values[i] = random.uniform();
  }

  /** The fixed value in [0, 1) of an integer lattice point; `channel` tells fields of the same points apart. */
  cell(column: number, row: number, channel = 0): number {
    const first = this.order[(row + 57 * channel) & MASK]!;
    return this.values[this.order[(column + first) & MASK]!]!;
  }

  /** Smooth value in [0, 1), features about one unit wide. */
  at(x: number, y: number): number {
    const column = Math.floor(x);
    const row = Math.floor(y);
    const u = fade(x - column);
    const v = fade(y - row);
    const top = this.cell(column, row) * (1 - u) + this.cell(column + 1, row) * u;
    const bottom = this.cell(column, row + 1) * (1 - u) + this.cell(column + 1, row + 1) * u;
    return top * (1 - v) + bottom * v;
  }

  /** Sum of `octaves` fields, each twice as fine and half as strong, scaled back to [0, 1). */
  fractal(x: number, y: number, octaves: number): number {
    let sum = 0;
    let total = 0;
    let strength = 1;
    for (let octave = 0; octave < octaves; octave++) {
      sum += strength * this.at(x + 17 * octave, y - 31 * octave);
      total += strength;
      strength /= 2;
      x *= 2;
      y *= 2;
    }
    return sum / total;
  }
}
