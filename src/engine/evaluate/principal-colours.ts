/** Patch features as colours: their three main directions become red, green and blue. */
import { setImmediate as nextTurn } from 'node:timers/promises';

export interface ColourBasis {
  /** [D] */
  mean: Float32Array;
  /** [3, D], orthonormal: red, green, blue. */
  directions: Float32Array;
  /** [3]: what becomes 0, and what becomes 255. */
  low: Float32Array;
  high: Float32Array;
}

const ROUNDS = 24;
/** Shares of the values that are cut off at both ends. */
const CUT = 0.02;

/**
 * Principal components by subspace iteration (Golub, Van Loan: Matrix Computations, 8.2.4), which needs no matrix of D × D.
 * Always the same result for the same rows.
 * @param rows [n, D]
 * @param like a basis whose order and signs are taken over, so that colours stay as much alike as they can; without one the
 *   directions come by falling variance
 */
export async function colourBasis(rows: Float32Array, dimension: number, like?: ColourBasis): Promise<ColourBasis> {
  const n = rows.length / dimension;
  const mean = new Float32Array(dimension);
  for (let row = 0; row < n; row++) for (let i = 0; i < dimension; i++) mean[i]! += rows[row * dimension + i]! / n;
  // Any start will do that is not at right angles to the answer.
  let directions = Float64Array.from({ length: 3 * dimension }, (_, i) => Math.sin(1 + i * (1 + Math.floor(i / dimension))));
  orthonormalise(directions, dimension);
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(3 * dimension);
    for (let row = 0; row < n; row++) {
      for (let k = 0; k < 3; k++) {
        let along = 0;
        for (let i = 0; i < dimension; i++) along += (rows[row * dimension + i]! - mean[i]!) * directions[k * dimension + i]!;
        for (let i = 0; i < dimension; i++) next[k * dimension + i]! += along * (rows[row * dimension + i]! - mean[i]!);
      }
    }
    orthonormalise(next, dimension);
    directions = next;
    // Some megaflops per round: others get a turn in between.
    await nextTurn();
  }
  const ordered = like ? alignedWith(directions, like.directions, dimension) : upright(directions, dimension);
  const basis = { mean, directions: ordered, low: new Float32Array(3), high: new Float32Array(3) };
  const along = project(rows, dimension, basis);
  for (let k = 0; k < 3; k++) {
    const values = Float32Array.from({ length: n }, (_, row) => along[row * 3 + k]!).sort();
    basis.low[k] = values[Math.floor(CUT * (n - 1))]!;
    basis.high[k] = values[Math.ceil((1 - CUT) * (n - 1))]!;
  }
  return basis;
}

/** @returns [n, 4] bytes: red, green, blue, 255 */
export function colours(rows: Float32Array, dimension: number, basis: ColourBasis): Uint8Array {
  const along = project(rows, dimension, basis);
  const n = along.length / 3;
  const rgba = new Uint8Array(4 * n).fill(255);
  for (let row = 0; row < n; row++) {
    for (let k = 0; k < 3; k++) {
      const width = basis.high[k]! - basis.low[k]!;
      const share = width > 0 ? (along[row * 3 + k]! - basis.low[k]!) / width : 0.5;
      rgba[row * 4 + k] = Math.round(255 * Math.min(1, Math.max(0, share)));
    }
  }
  return rgba;
}

/** [n, 3] */
function project(rows: Float32Array, dimension: number, { mean, directions }: ColourBasis): Float32Array {
  const n = rows.length / dimension;
  const along = new Float32Array(3 * n);
  for (let row = 0; row < n; row++) {
    for (let k = 0; k < 3; k++) {
      let sum = 0;
      for (let i = 0; i < dimension; i++) sum += (rows[row * dimension + i]! - mean[i]!) * directions[k * dimension + i]!;
      along[row * 3 + k] = sum;
    }
  }
  return along;
}

const ORDERS = [
  [0, 1, 2],
  [1, 0, 2],
  [0, 2, 1],
  [2, 1, 0],
  [1, 2, 0],
  [2, 0, 1],
] as const;

/** The directions in the order, and with the signs, in which they agree most with others. */
function alignedWith(directions: Float64Array, others: Float32Array, dimension: number): Float32Array {
  const agreement = (k: number, other: number): number => {
    let sum = 0;
    for (let i = 0; i < dimension; i++) sum += directions[k * dimension + i]! * others[other * dimension + i]!;
    return sum;
  };
  const table = [0, 1, 2].map((k) => [0, 1, 2].map((other) => agreement(k, other)));
  const worth = (order: (typeof ORDERS)[number]): number => order.reduce<number>((sum, k, place) => sum + Math.abs(table[k]![place]!), 0);
  const best = ORDERS.reduce((a, b) => (worth(b) > worth(a) ? b : a));
  const aligned = new Float32Array(3 * dimension);
  best.forEach((k, place) => {
    const sign = table[k]![place]! < 0 ? -1 : 1;
    for (let i = 0; i < dimension; i++) aligned[place * dimension + i] = sign * directions[k * dimension + i]!;
  });
  return aligned;
}

/** Each direction with the sign that makes its sum positive. */
function upright(directions: Float64Array, dimension: number): Float32Array {
  const signs = [0, 1, 2].map((k) => (directions.subarray(k * dimension, (k + 1) * dimension).reduce((a, b) => a + b, 0) < 0 ? -1 : 1));
  return Float32Array.from(directions, (x, i) => signs[Math.floor(i / dimension)]! * x);
}

/** Gram–Schmidt; a direction without any length becomes the next unit vector. */
function orthonormalise(directions: Float64Array, dimension: number): void {
  for (let k = 0; k < 3; k++) {
    const own = directions.subarray(k * dimension, (k + 1) * dimension);
    for (let attempt = 0; attempt < 2; attempt++) {
      for (let j = 0; j < k; j++) {
        const other = directions.subarray(j * dimension, (j + 1) * dimension);
        const common = own.reduce((sum, x, i) => sum + x * other[i]!, 0);
        own.forEach((x, i) => (own[i] = x - common * other[i]!));
      }
      const length = Math.sqrt(own.reduce((sum, x) => sum + x * x, 0));
      if (length > 1e-12) {
        own.forEach((x, i) => (own[i] = x / length));
        break;
      }
      own.fill(0);
      own[k % dimension] = 1;
    }
  }
}
