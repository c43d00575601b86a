import { selection } from '../../../state';
import { placesIn, type GridLayout } from './grid-layout';

/** What the pointer needs to know of the grid. */
export interface PointerGrid {
  readonly dataset: string;
  readonly ids: Uint32Array;
  readonly layout: GridLayout;
  /** Of the window, in the whole. */
  toWhole(event: PointerEvent): [number, number];
  placeAt(event: PointerEvent): number | undefined;
  /** Scrolls by so many pixels. */
  scrollBy(pixels: number): void;
  readonly frame: DOMRect;
}

const dragFrom = 5;
const edge = 32;

/** Selecting with the pointer: click, Shift, Ctrl, and a box that is drawn. */
export class GridPointer {
  /** The box that is being drawn, in the whole. */
  box = $state.raw<{ from: [number, number]; to: [number, number] }>();
  #start: { at: [number, number]; client: [number, number]; base: Uint32Array } | undefined;
  #last: PointerEvent | undefined;
  #timer: number | undefined;
  /** Where a range begins. */
  anchor: number | undefined;

  constructor(
    private readonly grid: PointerGrid,
    private readonly oncurrent: (picture: number) => void,
  ) {}

  down(event: PointerEvent): void {
    const { dataset, ids } = this.grid;
    const place = this.grid.placeAt(event);
    const id = place === undefined ? undefined : ids[place];
    if (event.button === 2) {
      // The menu is about the selection if it is opened on it, else about what it is opened on.
      if (id === undefined || selection.has(dataset, id)) return;
      selection.set(dataset, [id]);
      this.anchor = id;
      return this.oncurrent(id);
    }
    if (event.button !== 0) return;
    const adds = event.ctrlKey || event.metaKey;
    const onTick = (event.target as Element).closest('.tick') !== null;
    const base = adds || event.shiftKey ? selection.ids(dataset) : new Uint32Array();
    this.#start = { at: this.grid.toWhole(event), client: [event.clientX, event.clientY], base };
    if (id === undefined) {
      if (!adds && !event.shiftKey) selection.clear();
      return;
    }
    if (event.shiftKey) this.range(id, adds);
    else {
      if (adds || onTick) selection.toggle(dataset, id);
      else selection.set(dataset, [id]);
      this.anchor = id;
    }
    this.oncurrent(id);
  }

  /** From the anchor to a picture; `adds`: to what is selected. */
  range(id: number, adds: boolean): void {
    const { dataset, ids } = this.grid;
    const from = this.anchor === undefined ? -1 : ids.indexOf(this.anchor);
    const to = ids.indexOf(id);
    if (from < 0) this.anchor = id;
    const pictures = from < 0 ? [id] : ids.subarray(Math.min(from, to), Math.max(from, to) + 1);
    if (adds) selection.add(dataset, pictures);
    else selection.set(dataset, pictures);
  }

  move(event: PointerEvent): void {
    if (!this.#start) return;
    const [x, y] = this.#start.client;
    if (!this.box) {
      // Let go where nobody told us.
      if ((event.buttons & 1) === 0) return this.up();
      if (Math.hypot(event.clientX - x, event.clientY - y) < dragFrom) return;
      // Not before, or clicks would be the grid's and not the cell's.
      (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    }
    this.#last = event;
    this.#select(event);
    this.#timer ??= requestAnimationFrame(() => this.#scroll());
  }

  up(): void {
    this.#start = undefined;
    this.#last = undefined;
    this.box = undefined;
    if (this.#timer !== undefined) cancelAnimationFrame(this.#timer);
    this.#timer = undefined;
  }

  #select(event: PointerEvent): void {
    const { dataset, ids, layout } = this.grid;
    const { at, base } = this.#start!;
    this.box = { from: at, to: this.grid.toWhole(event) };
    const inside = placesIn(layout, this.box.from, this.box.to, ids.length).map((place) => ids[place]!);
    selection.set(dataset, base.length > 0 ? [...base, ...inside] : inside);
  }

  /** While the pointer is at an edge, or beyond it. */
  #scroll(): void {
    this.#timer = undefined;
    if (!this.#last || !this.box) return;
    const { top, bottom } = this.grid.frame;
    const y = this.#last.clientY;
    const by = y < top + edge ? y - top - edge : y > bottom - edge ? y - bottom + edge : 0;
    if (by !== 0) {
      this.grid.scrollBy(by / 2);
      this.#select(this.#last);
      this.#timer = requestAnimationFrame(() => this.#scroll());
    }
  }
}
