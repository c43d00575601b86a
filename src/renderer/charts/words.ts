/** Numbers of charts as text: values, ticks of an axis, the x axis in its unit, and a chart in a sentence. */
import { duration, number } from '../state/words';
import { lastFinite, type Line } from './lines';

export type XUnit = 'epoch' | 'step' | 'second';

/** Three digits that count: "9.56", "0.998", "1.6e-4", "12,400". */
export function value(amount: number): string {
  if (!Number.isFinite(amount)) return '–';
  const size = Math.abs(amount);
  if (size === 0) return '0';
  if (size < 1e-3 || size >= 1e7) return amount.toExponential(2).replace(/\.?0+e/, 'e').replace('e+', 'e');
  return number(amount, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4);
}

/** A tick's text, with as many digits as its distance from the next one needs. */
export function tick(amount: number, distance: number): string {
  const size = Math.abs(amount);
  if (size === 0) return '0';
  if (distance < 1e-3 || size >= 1e6) return amount.toExponential(Math.max(0, digitsOf(distance / 10 ** Math.floor(Math.log10(size))))).replace('e+', 'e');
  return number(amount, digitsOf(distance));
}

const digitsOf = (distance: number): number => {
  let digits = 0;
  while (digits < 6 && Math.abs(Math.round(distance * 10 ** digits) - distance * 10 ** digits) > 1e-6) digits++;
  return digits;
};

/** A place on the x axis in words: "epoch 47", "step 6,016", "3 h 31 min". */
export function place(x: number, unit: XUnit): string {
  if (unit === 'epoch') return `epoch ${number(x, x > 0 && x < 10 ? 2 : x < 100 ? 1 : 0)}`;
  return unit === 'step' ? `step ${number(x)}` : duration(Math.max(0, x));
}

/** A tick of the x axis. */
export const xTick = (x: number, unit: XUnit, distance: number): string =>
  unit === 'second' ? (x === 0 ? '0' : duration(x)) : unit === 'step' ? number(x) : tick(x, distance);

/** The lines of a chart, for those who do not see it. */
export function summary(lines: readonly Line[], unit: XUnit, format: (amount: number) => string): string {
  const told = lines.filter(({ label, look }) => label !== '' && look !== 'planned').flatMap((line) => {
    const last = lastFinite(line.y);
    if (last < 0) return [];
    let [low, high, first] = [Infinity, -Infinity, -1];
    for (let i = 0; i <= last; i++) {
      const amount = line.y[i]!;
      if (!Number.isFinite(amount)) continue;
      if (first < 0) first = i;
      low = Math.min(low, amount);
      high = Math.max(high, amount);
    }
    const now = `${format(line.y[last]!)} at ${place(line.x[last]!, unit)}`;
    if (first === last) return [`${line.label}: ${now}`];
    return [`${line.label}: ${now}, from ${format(line.y[first]!)} at ${place(line.x[first]!, unit)}; between ${format(low)} and ${format(high)}`];
  });
  return told.length > 0 ? `${told.join('. ')}.` : 'Nothing measured yet.';
}
