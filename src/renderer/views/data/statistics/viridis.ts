/** Viridis at eleven equal steps (matplotlib), for amounts. */
const stops = [
  [68, 1, 84],
  [72, 36, 117],
  [65, 68, 135],
  [53, 95, 141],
  [42, 120, 142],
  [33, 145, 140],
  [34, 168, 132],
  [68, 191, 112],
  [122, 209, 81],
  [189, 223, 38],
  [253, 231, 37],
] as const;

/** The colour of an amount of 0 … 1, as CSS has it. */
export function viridis(amount: number): string {
  const at = Math.min(1, Math.max(0, amount)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  const [from, to] = [stops[low]!, stops[low + 1]!];
  return `rgb(${from.map((value, i) => Math.round(value + (to[i]! - value) * (at - low))).join(' ')})`;
}
