/** Selecting rows of a list, as file managers do it: by pointer and by keyboard, one, several, and all between two. */
export type RowKey = string | number;

export interface RowSelection {
  selected: ReadonlySet<RowKey>;
  /** The row that the keyboard is at. */
  current: RowKey | undefined;
  /** Where a range begins. */
  anchor: RowKey | undefined;
}

/** one: it alone · toggle: it too, or not any more · range: all from the anchor to it · walk: nothing, only the keyboard goes there */
export type Choice = 'one' | 'toggle' | 'range' | 'walk';

export const nothingSelected: RowSelection = { selected: new Set(), current: undefined, anchor: undefined };

/** @param order keys of all rows as they are shown */
export function choose(order: readonly RowKey[], now: RowSelection, key: RowKey, choice: Choice): RowSelection {
  if (choice === 'walk') return { ...now, current: key };
  if (choice === 'toggle') {
    const selected = new Set(now.selected);
    if (!selected.delete(key)) selected.add(key);
    return { selected, current: key, anchor: key };
  }
  const from = now.anchor === undefined ? -1 : order.indexOf(now.anchor);
  if (choice === 'one' || from < 0) return { selected: new Set([key]), current: key, anchor: key };
  const to = order.indexOf(key);
  return { selected: new Set(order.slice(Math.min(from, to), Math.max(from, to) + 1)), current: key, anchor: now.anchor };
}

/** What a press of an arrow and the like does; `by`: rows down, Infinity to the end. */
export function walk(order: readonly RowKey[], now: RowSelection, by: number, choice: Choice): RowSelection {
  if (order.length === 0) return now;
  const at = now.current === undefined ? -1 : order.indexOf(now.current);
  const wanted = at < 0 ? (by > 0 && by !== Infinity ? 0 : by) : at + by;
  return choose(order, now, order[Math.min(order.length - 1, Math.max(0, wanted))]!, choice);
}

export const chooseAll = (order: readonly RowKey[], now: RowSelection): RowSelection => ({
  selected: new Set(order),
  current: now.current ?? order[0],
  anchor: now.anchor ?? order[0],
});

/** Without rows that are not there any more. */
export function withoutGone(now: RowSelection, isThere: (key: RowKey) => boolean): RowSelection {
  const kept = [...now.selected].filter(isThere);
  const stays = (key: RowKey | undefined) => (key !== undefined && isThere(key) ? key : undefined);
  if (kept.length === now.selected.size && stays(now.current) === now.current) return now;
  return { selected: new Set(kept), current: stays(now.current), anchor: stays(now.anchor) };
}
