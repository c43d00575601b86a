import { untrack } from 'svelte';
import type { Dataset, Filter, Result } from '../../../../engine/protocol';
import { engine } from '../../../state';
import { NearView } from '../near-view.svelte';
import type { Row } from '../shown-pictures.svelte';
import { categories, colourOf, mostCategories, type ColourScale } from './colour-scale';

export type ColourBy = { kind: 'none' | 'class' | 'split' } | { kind: 'attribute'; name: string };

export interface Mark {
  colour: string;
  /** What it stands for. */
  words: string;
}

/** All pictures, so that a filter changes no colour. */
const all: Filter = { uses: ['used', 'left-out', 'unreadable'] };
/** What cells of the grid are coloured by; values of an attribute are asked for as pictures come into view. */
export class CellColours {
  by = $state.raw<ColourBy>({ kind: 'none' });
  scale = $state.raw<ColourScale>();
  #classes: readonly string[] = [];
  readonly #values: NearView<string | number>;

  constructor(readonly dataset: string) {
    this.#values = new NearView(async (ids) => {
      const [{ by }, { revision }] = [this, this.#values];
      if (by.kind !== 'attribute') return undefined;
      const column = await engine.call('pictures.attribute', { dataset, name: by.name, ids });
      return by === this.by ? { ids, values: valuesOf(column), revision } : undefined;
    });
  }

  choose(by: ColourBy): void {
    this.#values.clear();
    this.scale = undefined;
    this.by = by;
  }

  /** As long as the component that calls this is there. */
  follow(dataset: () => Dataset): void {
    const revision = $derived(dataset().revision);
    $effect(() => {
      const { by } = this;
      this.#values.revision = revision;
      const now = untrack(dataset);
      if (by.kind === 'attribute' && !now.attributes.some(({ name }) => name === by.name)) return this.choose({ kind: 'none' });
      const abort = new AbortController();
      void this.load(now, abort.signal);
      return () => abort.abort();
    });
  }

  /** What the colours stand for. */
  async load({ classes, attributes }: Pick<Dataset, 'classes' | 'attributes'>, signal: AbortSignal): Promise<void> {
    const { by, dataset } = this;
    try {
      const scale = await scaleOf(dataset, by, { classes, attributes }, signal);
      if (by !== this.by || signal.aborted) return;
      this.#classes = classes;
      this.scale = scale;
    } catch {
      // What was told before stays; asked again with the next change.
    }
  }

  /** Undefined where there is nothing to colour by, or it is not known yet. */
  mark(row: Row | undefined): Mark | undefined {
    const { scale } = this;
    if (!row || !scale) return undefined;
    const value = this.#valueOf(row);
    const colour = colourOf(scale, value);
    return colour === undefined ? undefined : { colour, words: String(value) };
  }

  #valueOf(row: Row): string | number | undefined {
    const { by } = this;
    if (by.kind === 'class') return this.#classes[row.class];
    if (by.kind === 'split') return splitWords[row.split];
    return this.#values.get(row.id);
  }

  /** Sees to it that the values of these places are known; in an effect, so that it stays so. */
  want(ids: Uint32Array, from: number, to: number): void {
    if (this.by.kind === 'attribute') this.#values.want(ids, from, to);
  }
}

const valuesOf = (column: Result<'pictures.attribute'>): (string | number)[] =>
  column.kind === 'number' ? [...column.numbers] : Array.from(column.codes, (code) => column.values[code] ?? '');

const splitWords = { train: 'train', 'held-out': 'held out' } as const;

async function scaleOf(
  dataset: string,
  by: ColourBy,
  { classes, attributes }: Pick<Dataset, 'classes' | 'attributes'>,
  signal: AbortSignal,
): Promise<ColourScale | undefined> {
  if (by.kind === 'none') return undefined;
  if (by.kind === 'split') return categories(Object.values(splitWords));
  const isText = by.kind === 'attribute' && attributes.some(({ name, kind }) => name === by.name && kind === 'text');
  if (isText) {
    const asked = { dataset, filter: all, name: by.name, from: 0, count: mostCategories + 2 };
    const { values } = await engine.call('pictures.attributeValues', asked, { signal });
    return categories(values.map(({ value }) => value).filter((value) => value !== ''));
  }
  const facets = await engine.call('pictures.facets', { dataset, filter: all, bins: 4 }, { signal });
  if (by.kind === 'class') return categories(facets.classes.flatMap(({ index }) => classes[index] ?? []));
  const edges = facets.attributes.find(({ name }) => by.kind === 'attribute' && name === by.name)?.histogram?.edges;
  return edges && edges.length > 1 ? { kind: 'numbers', from: edges[0]!, to: edges[edges.length - 1]! } : undefined;
}
