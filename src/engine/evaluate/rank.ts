/**
 * Effective rank of features: exp of the entropy of the normalised singular values (RankMe, Garrido et al. 2023,
 * equations 1 and 2; Roy and Vetterli 2007). A collapsing network shows as a falling rank, whatever the loss says.
 * Some hundred million operations for a network of usual width: others get their turn in between.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

const BETWEEN_TURNS_MS = 10;

/** Gives others their turn where the last one is a while ago. */
function turns(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < BETWEEN_TURNS_MS) return;
    await nextTurn();
    last = performance.now();
  };
}
type Turn = ReturnType<typeof turns>;

/**
 * `features` is [rows, dimension]; the result lies between 1 and min(rows, dimension), 0 for no or only zero rows, NaN
 * where a feature is not finite. With `centre` the mean row is subtracted first, which RankMe does not do.
 */
export async function effectiveRank(features: Float32Array, dimension: number, centre = false): Promise<number> {
  const rows = features.length / dimension;
  if (rows === 0) return 0;
  const values = Float64Array.from(features);
  if (centre) subtractMean(values, rows, dimension);
  // Squared singular values are the eigenvalues of the smaller of X Xᵀ and Xᵀ X.
  const turn = turns();
  const eigenvalues =
    rows < dimension
      ? await symmetricEigenvalues(await gramOfRows(values, rows, dimension, turn), rows)
      : await symmetricEigenvalues(await gramOfColumns(values, rows, dimension, turn), dimension);
  if (eigenvalues.some(Number.isNaN)) return NaN;
  const noise = Math.max(...eigenvalues) * eigenvalues.length * Number.EPSILON;
  const singular = eigenvalues.map((value) => (value > noise ? Math.sqrt(value) : 0));
  const sum = singular.reduce((total, value) => total + value, 0);
  if (sum === 0) return 0;
  const shares = singular.filter((value) => value > 0).map((value) => value / sum);
  return Math.exp(shares.reduce((entropy, value) => entropy - value * Math.log(value), 0));
}

function subtractMean(values: Float64Array, rows: number, dimension: number): void {
  for (let column = 0; column < dimension; column++) {
    let mean = 0;
    for (let i = column; i < values.length; i += dimension) mean += values[i]! / rows;
    for (let i = column; i < values.length; i += dimension) values[i]! -= mean;
  }
}

async function gramOfRows(x: Float64Array, rows: number, dimension: number, turn: Turn): Promise<Float64Array> {
  const gram = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    await turn();
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let c = 0; c < dimension; c++) sum += x[i * dimension + c]! * x[j * dimension + c]!;
      gram[i * rows + j] = sum;
      gram[j * rows + i] = sum;
    }
  }
  return gram;
}

async function gramOfColumns(x: Float64Array, rows: number, dimension: number, turn: Turn): Promise<Float64Array> {
  const gram = new Float64Array(dimension * dimension);
  for (let row = 0; row < rows; row++) {
    await turn();
    const start = row * dimension;
    for (let i = 0; i < dimension; i++) {
      const value = x[start + i]!;
      for (let j = 0; j <= i; j++) gram[i * dimension + j]! += value * x[start + j]!;
    }
  }
  for (let i = 0; i < dimension; i++) for (let j = 0; j < i; j++) gram[j * dimension + i] = gram[i * dimension + j]!;
  return gram;
}

/** Eigenvalues of a symmetric matrix [n, n], in no order; NaN where it is not finite. Overwrites the matrix. */
export async function symmetricEigenvalues(matrix: Float64Array, n: number): Promise<Float64Array> {
  if (matrix.some((value) => !Number.isFinite(value))) return new Float64Array(n).fill(NaN);
  const { diagonal, beside } = await tridiagonalise(matrix, n, turns());
  return tridiagonalEigenvalues(diagonal, beside);
}

/** Householder reflections (Golub and Van Loan, Matrix Computations, algorithm 8.3.1): the tridiagonal form. */
async function tridiagonalise(a: Float64Array, n: number, turn: Turn): Promise<{ diagonal: Float64Array; beside: Float64Array }> {
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n);
  const v = new Float64Array(n);
  const p = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    await turn();
    let squares = 0;
    for (let i = k + 1; i < n; i++) squares += a[i * n + k]! * a[i * n + k]!;
    const head = a[(k + 1) * n + k]!;
    const length = Math.sqrt(squares);
    diagonal[k] = a[k * n + k]!;
    const below = squares - head * head;
    if (below <= Number.MIN_VALUE || length === 0) {
      beside[k] = head;
      continue;
    }
    const alpha = head > 0 ? -length : length;
    beside[k] = alpha;
    // v = column − alpha e, the reflection is 1 − 2 v vᵀ / vᵀv, and vᵀv / 2 = squares − head · alpha.
    const half = squares - head * alpha;
    for (let i = k + 1; i < n; i++) v[i] = a[i * n + k]!;
    v[k + 1] = head - alpha;
    let inner = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += a[i * n + j]! * v[j]!;
      p[i] = sum / half;
      inner += p[i]! * v[i]!;
    }
    const scale = inner / (2 * half);
    for (let i = k + 1; i < n; i++) p[i]! -= scale * v[i]!;
    for (let i = k + 1; i < n; i++) {
      const vi = v[i]!;
      const pi = p[i]!;
      for (let j = k + 1; j < n; j++) a[i * n + j]! -= vi * p[j]! + pi * v[j]!;
    }
  }
  if (n >= 2) {
    diagonal[n - 2] = a[(n - 2) * n + n - 2]!;
    beside[n - 2] = a[(n - 1) * n + n - 2]!;
  }
  if (n >= 1) diagonal[n - 1] = a[n * n - 1]!;
  return { diagonal, beside };
}

/** Implicit QL with Wilkinson's shift (Wilkinson and Reinsch 1971, imtql1), values only. `beside[i]` joins i and i + 1. */
function tridiagonalEigenvalues(d: Float64Array, e: Float64Array): Float64Array {
  const n = d.length;
  if (n > 0) e[n - 1] = 0;
  for (let l = 0; l < n; l++) {
    for (let round = 0; ; round++) {
      let m = l;
      while (m < n - 1 && Math.abs(e[m]!) > Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m++;
      if (m === l) break;
      if (round === 60) return d.fill(NaN);
      let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
      let r = Math.hypot(g, 1);
      g = d[m]! - d[l]! + e[l]! / (g + (g >= 0 ? r : -r));
      let s = 1;
      let c = 1;
      let p = 0;
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * e[i]!;
        const b = c * e[i]!;
        r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1]! -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1]! - p;
        r = (d[i]! - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
      }
      if (r === 0 && i >= l) continue;
      d[l]! -= p;
      e[l] = g;
      e[m] = 0;
    }
  }
  return d;
}
