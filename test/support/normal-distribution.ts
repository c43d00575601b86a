/** Φ(x), the normal distribution function, in f64: the error function's series near 0, its continued fraction beyond. */
export function normalDistribution(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  let tail: number;
  if (z < 2.5) {
    let term = z;
    let sum = z;
    for (let n = 1; n < 80; n++) {
      term *= (-z * z) / n;
      sum += term / (2 * n + 1);
    }
    tail = 0.5 - sum / Math.sqrt(Math.PI);
  } else {
    let fraction = z;
    for (let n = 80; n > 0; n--) fraction = z + n / 2 / fraction;
    tail = (0.5 * Math.exp(-z * z)) / (fraction * Math.sqrt(Math.PI));
  }
  return x < 0 ? tail : 1 - tail;
}
