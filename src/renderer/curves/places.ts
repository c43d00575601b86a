/** From one unit of the x axis to another. */
import type { Places } from '../charts/buckets';
import { firstAtLeast } from '../charts/lines';
import type { XUnit } from '../charts/words';

export const placesOf = ({ steps, epochs, seconds }: Places, unit: XUnit): Float64Array =>
  unit === 'step' ? steps : unit === 'epoch' ? epochs : seconds;

/** Where a place on one axis lies on another, from what was measured; beyond its end, as the last stretch goes on. */
export function converted(places: Places, x: number, from: XUnit, to: XUnit): number {
  if (from === to) return x;
  const [known, wanted] = [placesOf(places, from), placesOf(places, to)];
  const last = known.length - 1;
  if (last < 0) return 0;
  const at = Math.min(firstAtLeast(known, x), last);
  const [x0, y0] = at > 0 ? [known[at - 1]!, wanted[at - 1]!] : [0, 0];
  const [x1, y1] = [known[at]!, wanted[at]!];
  return x1 === x0 ? y1 : Math.max(0, y0 + ((x - x0) / (x1 - x0)) * (y1 - y0));
}
