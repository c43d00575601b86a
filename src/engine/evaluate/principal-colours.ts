/** Patch features as colours: their three main directions become red, green and blue. */
import { setImmediate as nextTurn } from 'node:timers/promises';

export interface ColourBasis {
  /** [D] */
  mean: Float32Array;
  /** [3, D], orthonormal, by falling variance. */
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
 * @param like a basis whose directions' signs are taken over, so that colours stay as much alike as they can
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
  for (let k = 0; k < 3; k++) {
    const own = directions.subarray(k * dimension, (k + 1) * dimension);
    const other = like?.directions.subarray(k * dimension, (k + 1) * dimension);
    const agreement = own.reduce((sum, x, i) => sum + x * (other?.[i] ?? 1), 0);
    if (agreement < 0) own.forEach((x, i) => (own[i] = -x));
  }
  const basis = { mean, directions: Float32Array.from(directions), low: new Float32Array(3), high: new Float32Array(3) };
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
