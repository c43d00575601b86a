import type { Snippet } from 'svelte';

/** A column of a Table. */
export interface Column<Row> {
  name: string;
  title: string;
  /** In place of the title. */
  head?: Snippet;
  /** Numbers stand at the right. */
  numeric?: boolean;
  width?: string;
  /** What it is sorted by; without it the column cannot be sorted. */
  sortBy?: (row: Row) => number | string | null;
  /** How a cell looks; without it `text` is shown. */
  cell?: Snippet<[Row]>;
  text?: (row: Row) => string;
}
export interface Sorting {
  column: string;
  descending: boolean;
}

/** Rows in the order of a column; equal ones stay as they are, and what has no value is last, whichever way. */
export function sortRows<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sorting: Sorting | undefined): readonly Row[] {
  const by = columns.find(({ name }) => name === sorting?.column)?.sortBy;
  if (!by) return rows;
  const direction = sorting?.descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [left, right] = [by(a), by(b)];
    if (left === null || right === null) return left === right ? 0 : left === null ? 1 : -1;
    if (typeof left === 'string' && typeof right === 'string') return direction * left.localeCompare(right, 'en', { numeric: true });
    return (left < right ? -1 : left > right ? 1 : 0) * direction;
  });
}

/** The rows to be drawn, of those that are there: from … up to, not including, to. */
export function rowsInSight(count: number, rowHeight: number, scrolled: number, height: number, beyond = 8): { from: number; to: number } {
  const from = Math.max(0, Math.floor(scrolled / rowHeight) - beyond);
  return { from: Math.min(from, count), to: Math.min(count, Math.ceil((scrolled + height) / rowHeight) + beyond) };
}
