/** Amounts as colours: viridis by van der Walt and Smith (CC0), as the polynomial of degree 6 that M. Zucker fitted to it. */
const coefficients = [
  [0.2777273272234177, 0.005407344544966578, 0.3340998053353061],
  [0.1050930431085774, 1.404613529898575, 1.384590162594685],
  [-0.3308618287255563, 0.214847559468213, 0.09509516302823659],
  [-4.634230498983486, -5.799100973351585, -19.33244095627987],
  [6.228269936347081, 14.17993336680509, 56.69055260068105],
  [4.776384997670288, -13.74514537774601, -65.35303263337234],
  [-5.435455855934631, 4.645852612178535, 26.3124352495832],
] as const;

const table = new Uint8Array(256 * 4);
for (let amount = 0; amount < 256; amount++) {
  for (let channel = 0; channel < 3; channel++) {
    const value = coefficients.reduceRight((sum, degree) => sum * (amount / 255) + degree[channel]!, 0);
    table[4 * amount + channel] = Math.round(255 * Math.min(1, Math.max(0, value)));
  }
  table[4 * amount + 3] = 255;
}

/** The colour of an amount of 0 … 1, as CSS has it. */
export function viridisColour(amount: number): string {
  const place = 4 * Math.round(255 * Math.min(1, Math.max(0, amount)));
  return `rgb(${table.subarray(place, place + 3).join(' ')})`;
}

/** @param values 0 … 255, rows × columns; gives an image of one pixel per value */
export function viridis({ rows, columns, values }: { rows: number; columns: number; values: Uint8Array }) {
  const rgba = new Uint8Array(4 * values.length);
  for (let i = 0; i < values.length; i++) rgba.set(table.subarray(4 * values[i]!, 4 * values[i]! + 4), 4 * i);
  return { width: columns, height: rows, rgba };
}
