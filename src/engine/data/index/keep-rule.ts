/** Which picture of a group of duplicates is kept. */
import { Flag } from './columns';
import type { IndexedDataset } from './dataset';

export interface KeepRule {
  readonly rule: 'largest' | 'oldest' | 'with-class' | 'each';
  /** A held-out one before one to train on. */
  readonly preferHeldOut: boolean;
}

/**
 * Members that are kept: those somebody chose; else, by the rule, one (all with `each`). Of pictures that are left out already
 * one is kept only where all are.
 */
export function keptOf(dataset: IndexedDataset, members: Uint32Array, { rule, preferHeldOut }: KeepRule): ReadonlySet<number> {
  const { choices } = dataset.decisions;
  if (members.some((picture) => choices.has(picture))) {
    const kept = [...members].filter((picture) => choices.get(picture) ?? true);
    if (kept.length > 0) return new Set(kept);
  }
  if (rule === 'each') return new Set(members);
  const { flags, width, height, size, taken, modified, class: classes } = dataset.columns;
  const area = (picture: number): number => width[picture]! * height[picture]!;
  const time = (picture: number): number => (Number.isNaN(taken[picture]!) ? modified[picture]! : taken[picture]!);
  const largest = (a: number, b: number): number => area(b) - area(a) || size[b]! - size[a]!;
  const better = (a: number, b: number): number => {
    if (rule === 'oldest') return time(a) - time(b) || largest(a, b);
    if (rule === 'with-class') return Number(classes[b]! >= 0) - Number(classes[a]! >= 0) || largest(a, b);
    return largest(a, b);
  };
  const heldOut = (picture: number): number => (preferHeldOut && flags[picture]! & Flag.heldOut ? 1 : 0);
  const isOut = (picture: number): number => (flags[picture]! & Flag.leftOut ? 1 : 0);
  const sorted = [...members].sort((a, b) => isOut(a) - isOut(b) || heldOut(b) - heldOut(a) || better(a, b) || a - b);
  return new Set(sorted.slice(0, 1));
}
