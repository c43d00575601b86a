/** What is held out of training: drawn by rule for all pictures whose side nobody chose. */
import { Purpose, Random } from '../../random';
import type { Split } from '../labels';
import { holdOut } from '../order';
import { Flag, type Columns } from './columns';
import type { HoldOutRule } from './record';

const FIXED = Flag.splitByHand | Flag.splitInTable;

/**
 * Draws the sides anew. A share is drawn as runs draw it (`holdOut` in data/order), over the pictures in the order of paths.
 * @param only draws for these and leaves the others: new files must not move old ones to the other side
 */
export function drawSplit(rule: HoldOutRule, columns: Columns, byPath: Uint32Array, only?: ReadonlySet<number>): void {
  const { flags } = columns;
  const pictures = byPath.filter((picture) => flags[picture]! & Flag.present);
  const labels = Int32Array.from(pictures, (picture) => columns.class[picture]!);
  const given = Array.from(pictures, (picture): Split | undefined => {
    const isGiven = (flags[picture]! & FIXED) !== 0 || (only && !only.has(picture));
    return isGiven ? (flags[picture]! & Flag.heldOut ? 'held-out' : 'train') : undefined;
  });
  const sides = rule.kind === 'share' ? holdOut(rule.seed, labels, given, rule.share) : holdOutEach(rule, labels, given);
  pictures.forEach((picture, i) => {
    flags[picture] = sides[i] === 'held-out' ? flags[picture]! | Flag.heldOut : flags[picture]! & ~Flag.heldOut;
  });
}

/** So many of each class in all, those that are held out already counted; never more than half of it. */
function holdOutEach(
  rule: { readonly count: number; readonly seed: number },
  labels: Int32Array,
  given: readonly (Split | undefined)[],
): Split[] {
  const members = new Map<number, { free: number[]; all: number; heldOut: number }>();
  labels.forEach((label, i) => {
    const known = members.get(label) ?? { free: [], all: 0, heldOut: 0 };
    members.set(label, known);
    known.all++;
    if (given[i] === undefined) known.free.push(i);
    else if (given[i] === 'held-out') known.heldOut++;
  });
  const sides = Array.from(given, (side): Split => side ?? 'train');
  for (const [label, { free, all, heldOut }] of members) {
    const wanted = Math.max(0, Math.min(rule.count, Math.floor(all / 2)) - heldOut);
    const order = new Random(rule.seed, Purpose.holdOut, 0, label + 1).permutation(free.length);
    for (const place of order.subarray(0, wanted)) sides[free[place]!] = 'held-out';
  }
  return sides;
}
