import { untrack } from 'svelte';
import { SPLITS, USES, type Filter, type PictureRows, type Sort, type Use } from '../../../engine/protocol';
import { engine, EngineError } from '../../state';
import { NearView } from './near-view.svelte';

/** A picture as a cell of the grid knows it. */
export interface Row {
  id: number;
  path: string;
  width: number;
  height: number;
  class: number;
  split: (typeof SPLITS)[number];
  use: Use;
  problem: boolean;
  version: number;
}

/** While a folder is being read its revision changes all the time. */
const reloadAfterMs = 1000;

/** What a filter shows, in order, with the rows that were looked at. Ids are there as a whole: four bytes a picture. */
export class ShownPictures {
  filter = $state.raw<Filter>({});
  sort = $state.raw<Sort>({ by: 'mixed' });
  ids = $state.raw<Uint32Array>(new Uint32Array());
  bytes = $state(0);
  /** Nothing was heard yet. */
  loading = $state(true);
  error = $state<string>();
  readonly #rows: NearView<Row>;

  constructor(readonly dataset: string) {
    this.#rows = new NearView(async (ids) => {
      const { revision, rows } = await engine.call('pictures.rows', { dataset, ids });
      return { ids: rows.ids, values: rowsOf(rows), revision };
    });
  }

  /** Follows filter, sort and the dataset's revision as long as the component that calls this is there. */
  follow(revision: () => number | undefined): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    $effect(() => {
      const [filter, sort] = [this.filter, this.sort];
      const abort = new AbortController();
      void untrack(() => this.#load(filter, sort, abort.signal));
      return () => abort.abort();
    });
    $effect(() => {
      const now = revision();
      if (now === undefined || now === untrack(() => this.#rows.revision) || timer) return;
      timer = setTimeout(
        () => {
          timer = undefined;
          void this.#load(this.filter, this.sort);
        },
        untrack(() => this.#rows.revision) < 0 ? 0 : reloadAfterMs,
      );
    });
    $effect(() => () => clearTimeout(timer));
  }

  /** Again, at once: something was changed here. */
  refresh(): Promise<void> {
    return this.#load(this.filter, this.sort);
  }

  async #load(filter: Filter, sort: Sort, signal?: AbortSignal): Promise<void> {
    try {
      const found = await engine.call('pictures.ids', { dataset: this.dataset, filter, sort }, signal ? { signal } : {});
      if (filter !== this.filter || sort !== this.sort) return;
      this.#rows.revision = found.revision;
      this.ids = found.ids;
      this.bytes = found.bytes;
      this.error = undefined;
      this.loading = false;
    } catch (error) {
      if (error instanceof EngineError && error.code === 'cancelled') return;
      this.error = (error as Error).message;
      this.loading = false;
    }
  }

  /** The row of a picture, as far as it is known; `want` fetches it. */
  row(id: number): Row | undefined {
    return this.#rows.get(id);
  }

  /** Sees to it that the rows of these places are known and of the present revision; in an effect, so that it stays so. */
  want(from: number, to: number): void {
    this.#rows.want(this.ids, from, to);
  }
}

const rowsOf = (rows: PictureRows): Row[] =>
  Array.from(rows.ids, (id, i) => ({
    id,
    path: rows.paths[i]!,
    width: rows.widths[i]!,
    height: rows.heights[i]!,
    class: rows.classes[i]!,
    split: SPLITS[rows.splits[i]!]!,
    use: USES[rows.uses[i]!]!,
    problem: rows.problems[i] === 1,
    version: rows.versions[i]!,
  }));
