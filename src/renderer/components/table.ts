import type { Snippet } from 'svelte';

/** A column of a Table. */
export interface Column<Row> {
  name: string;
  title: string;
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
