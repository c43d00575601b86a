/** Where cells of a grid of equal cells are. All in CSS pixels. */
export interface GridLayout {
  columns: number;
  /** Side of a cell. */
  cell: number;
  /** From one cell to the next. */
  pitch: number;
  rows: number;
  /** Of all rows. */
  height: number;
}

export const gap = 8;
/** Around the cells, so that rings are not cut off. */
export const margin = 4;
/** No browser lays out more; beyond it places are scaled. */
const tallest = 12_000_000;

/** As many cells as fit beside each other, stretched to the width. */
export function gridLayout(width: number, wanted: number, count: number): GridLayout {
  const inside = Math.max(wanted, width - 2 * margin);
  const columns = Math.max(1, Math.round((inside + gap) / (wanted + gap)));
  const cell = Math.floor((inside - gap * (columns - 1)) / columns);
  const rows = Math.ceil(count / columns);
  return { columns, cell, pitch: cell + gap, rows, height: Math.max(0, rows * (cell + gap) - gap) + 2 * margin };
}

/** The height that is laid out, and where in the whole one is when it is scrolled so far. */
export const laidOut = ({ height }: GridLayout): number => Math.min(height, tallest);

export function offsetAt(layout: GridLayout, scrolled: number, view: number): number {
  const range = laidOut(layout) - view;
  return layout.height <= tallest || range <= 0 ? scrolled : (scrolled / range) * (layout.height - view);
}

export function scrolledFor(layout: GridLayout, offset: number, view: number): number {
  const range = layout.height - view;
  return layout.height <= tallest || range <= 0 ? offset : (offset / range) * (laidOut(layout) - view);
}

/** Places that can be seen, some rows around them included: from … to, the last left out. */
export function visiblePlaces(layout: GridLayout, offset: number, view: number, count: number, around = 2): [number, number] {
  const first = Math.max(0, Math.floor((offset - margin) / layout.pitch) - around);
  const last = Math.ceil((offset + view) / layout.pitch) + around;
  return [Math.min(count, first * layout.columns), Math.min(count, last * layout.columns)];
}

/**
 * The place that each cell on the screen shows, from a place on. There are always as many cells, and a place has the same cell whatever
 * else can be seen, so that scrolling changes nothing but what comes into view.
 */
export function cellPlaces(layout: GridLayout, from: number, view: number, count: number, around = 2): { cell: number; place: number }[] {
  const cells = (Math.ceil(view / layout.pitch) + 1 + 2 * around) * layout.columns;
  const first = from % cells;
  const all = Array.from({ length: cells }, (_, cell) => ({ cell, place: from - first + cell + (cell < first ? cells : 0) }));
  return all.filter(({ place }) => place < count);
}

/** Upper left corner of a place in the whole. */
export const cornerOf = (layout: GridLayout, place: number): [number, number] => [
  margin + (place % layout.columns) * layout.pitch,
  margin + Math.floor(place / layout.columns) * layout.pitch,
];

/** Places whose cells a box touches; its corners in the whole. */
export function placesIn(layout: GridLayout, [x0, y0]: [number, number], [x1, y1]: [number, number], count: number): number[] {
  const at = (value: number) => (value - margin) / layout.pitch;
  // What lies in the gap before a cell touches the cell after it alone.
  const first = (value: number) => Math.floor(at(value) + gap / layout.pitch);
  const [left, right] = [Math.max(0, first(Math.min(x0, x1))), Math.min(layout.columns - 1, Math.floor(at(Math.max(x0, x1))))];
  const [top, bottom] = [Math.max(0, first(Math.min(y0, y1))), Math.min(layout.rows - 1, Math.floor(at(Math.max(y0, y1))))];
  const places: number[] = [];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const place = row * layout.columns + column;
      if (place < count) places.push(place);
    }
  }
  return places;
}

/**
 * The size of thumbnails that fills a cell on this screen, also of a picture of 4:3. None smaller than those that are made while a
 * folder is read: they are there at once.
 */
export const thumbnailFor = (cell: number, density: number): 256 | 512 => (cell * density * 1.34 <= 256 ? 256 : 512);
