/** The order of an epoch, and which pictures are held out: both depend on the seed alone. */
import { Purpose, Random } from '../random';
import type { Split } from './labels';

/** The training pictures' order in one epoch: a permutation of 0 … count − 1 keyed by (seed, epoch). */
export function epochOrder(seed: number, epoch: number, count: number): Uint32Array {
  return new Random(seed, Purpose.order, epoch).permutation(count);
}

/**
 * Chooses the held-out pictures: `fraction` of all, spread over the classes in proportion to their sizes, never a
 * whole class. Roundings are carried from class to class, so that many small classes still give the fraction.
 * @param labels class index of each picture, −1 for none (a class of its own here).
 * @param given sides that are decided already; undefined where not. They are kept, and do not count.
 */
export function holdOut(
  seed: number,
  labels: ArrayLike<number>,
  given: readonly (Split | undefined)[],
  fraction: number,
): Split[] {
  const classes = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    if (given[i] !== undefined) continue;
    const members = classes.get(labels[i]!) ?? [];
    members.push(i);
    classes.set(labels[i]!, members);
  }
  const splits = Array.from({ length: labels.length }, (_, i): Split => given[i] ?? 'train');
  let wanted = 0;
  let taken = 0;
  for (const label of [...classes.keys()].sort((a, b) => a - b)) {
    const members = classes.get(label)!;
    wanted += members.length * fraction;
    const count = Math.max(0, Math.min(members.length - 1, Math.round(wanted) - taken));
    taken += count;
    const order = new Random(seed, Purpose.holdOut, 0, label + 1).permutation(members.length);
    for (const place of order.subarray(0, count)) splits[members[place]!] = 'held-out';
  }
  return splits;
}
