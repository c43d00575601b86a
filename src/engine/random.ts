/**
 * Counter-based random numbers: Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel Random Numbers:
 * As Easy as 1, 2, 3"). A value depends on (seed, purpose, step or epoch, index) and nothing else, so any worker,
 * in any order, on any device, draws the same numbers, and a resumed run goes on where it stopped.
 */

/** What numbers are drawn for. The values are part of every run's results: add, never renumber. */
export const Purpose = {
  initialisation: 1,
  order: 2,
  crop: 3,
  mask: 4,
  dropPath: 5,
  holdOut: 6,
  sample: 7,
  test: 8,
  retrieval: 9,
} as const;
export type Purpose = (typeof Purpose)[keyof typeof Purpose];

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const PARITY = 0x1bd11bda;

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/** One block: key (k0, k1), counter (c0, c1) → two unsigned 32-bit words, written to `out`. */
export function threefry2x32(k0: number, k1: number, c0: number, c1: number, out: Uint32Array): void {
  const keys = [k0 | 0, k1 | 0, (PARITY ^ k0 ^ k1) | 0] as const;
  let x0 = (c0 + k0) | 0;
  let x1 = (c1 + k1) | 0;
  for (let group = 0; group < 5; group++) {
    const first = (group & 1) * 4;
    for (let r = 0; r < 4; r++) {
      x0 = (x0 + x1) | 0;
      x1 = rotate(x1, ROTATIONS[first + r]!) ^ x0;
    }
    x0 = (x0 + keys[(group + 1) % 3]!) | 0;
    x1 = (x1 + keys[(group + 2) % 3]! + group + 1) | 0;
  }
  out[0] = x0 >>> 0;
  out[1] = x1 >>> 0;
}

/** A stream of numbers for one key (seed, purpose, step, index). Cheap to make: make one per picture and step. */
export class Random {
  private readonly k0: number;
  private readonly k1: number;
  private counter = 0;
  private readonly block = new Uint32Array(2);
  private left = 0;
  private spare: number | undefined;

  constructor(seed: number, purpose: Purpose, step = 0, index = 0) {
    const key = new Uint32Array(2);
    threefry2x32(seed >>> 0, purpose, step >>> 0, index >>> 0, key);
    this.k0 = key[0]!;
    this.k1 = key[1]!;
  }

  /** An unsigned 32-bit integer. */
  bits(): number {
    if (this.left === 0) {
      threefry2x32(this.k0, this.k1, this.counter++, 0, this.block);
      this.left = 2;
    }
    return this.block[2 - this.left--]!;
  }

  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number {
    return this.bits() / 4294967296;
  }

  /** Uniform in [low, high); also for low > high, as Python's `random.uniform`. */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** Uniform integer in [0, count). The bias of at most count / 2³² is accepted. */
  integer(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  /** Standard normal, Box–Muller. */
  normal(): number {
    if (this.spare !== undefined) {
      const value = this.spare;
      this.spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** 0 … count − 1 in random order (Fisher–Yates). */
  permutation(count: number): Uint32Array {
    const order = new Uint32Array(count);
    for (let i = 0; i < count; i++) order[i] = i;
    for (let i = count - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = order[i]!;
      order[i] = order[j]!;
      order[j] = kept;
    }
    return order;
  }
}
