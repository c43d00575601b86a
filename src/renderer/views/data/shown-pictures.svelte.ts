import { untrack } from 'svelte';
import { SPLITS, USES, type Filter, type PictureRows, type Sort, type Use } from '../../../engine/protocol';
import { engine, EngineError } from '../../state';

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

/** Rows kept; more than any screen shows, far less than a dataset has. */
const mostKept = 20_000;
/** While a folder is being read its revision changes all the time. */
const reloadAfterMs = 1000;
const mostAsked = 1500;
/** Rows on both sides that are asked for along with those that are missing: asking often costs more than asking for many. */
const askedAround = 400;

/** What a filter shows, in order, with the rows that were looked at. Ids are there as a whole: four bytes a picture. */
export class ShownPictures {
  filter = $state.raw<Filter>({});
  sort = $state.raw<Sort>({ by: 'mixed' });
  ids = $state.raw<Uint32Array>(new Uint32Array());
  bytes = $state(0);
  /** Nothing was heard yet. */
  loading = $state(true);
  error = $state<string>();
  #rows = new Map<number, { row: Row; revision: number }>();
  #rowsVersion = $state(0);
  #revision = -1;
  #asking = false;
  #wanted: [number, number] = [0, 0];

  constructor(readonly dataset: string) {}

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
      if (now === undefined || now === untrack(() => this.#revision) || timer) return;
      timer = setTimeout(
        () => {
          timer = undefined;
          void this.#load(this.filter, this.sort);
        },
        this.#revision < 0 ? 0 : reloadAfterMs,
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
      this.#revision = found.revision;
      this.ids = found.ids;
      this.bytes = found.bytes;
      this.error = undefined;
      this.loading = false;
      this.want(...this.#wanted);
    } catch (error) {
      if (error instanceof EngineError && error.code === 'cancelled') return;
      this.error = (error as Error).message;
      this.loading = false;
    }
  }

  /** The row of a picture, as far as it is known; `want` fetches it. */
  row(id: number): Row | undefined {
    return this.#rowsVersion >= 0 ? this.#rows.get(id)?.row : undefined;
  }

  /** Sees to it that the rows of these places are known and of the present revision. */
  want(from: number, to: number): void {
    this.#wanted = [from, to];
    if (this.#asking) return;
    if (!this.ids.subarray(from, to).some((id) => this.#isMissing(id))) return;
    const near = this.ids.subarray(Math.max(0, from - askedAround), to + askedAround);
    void this.#ask(near.filter((id) => this.#isMissing(id)).slice(0, mostAsked));
  }

  #isMissing(id: number): boolean {
    return this.#rows.get(id)?.revision !== this.#revision;
  }

  async #ask(ids: Uint32Array): Promise<void> {
    this.#asking = true;
    try {
      const { revision, rows } = await engine.call('pictures.rows', { dataset: this.dataset, ids });
      this.#keep(rows, revision);
      // Where the grid has gone meanwhile. An engine that is ahead of the ids is followed when its topic says so.
      this.#asking = false;
      if (revision === this.#revision) this.want(...this.#wanted);
    } catch {
      // Asked again with the next move or change.
    } finally {
      this.#asking = false;
    }
  }

  #keep(rows: PictureRows, revision: number): void {
    for (const [i, id] of rows.ids.entries()) {
      const row: Row = {
        id,
        path: rows.paths[i]!,
        width: rows.widths[i]!,
        height: rows.heights[i]!,
        class: rows.classes[i]!,
        split: SPLITS[rows.splits[i]!]!,
        use: USES[rows.uses[i]!]!,
        problem: rows.problems[i] === 1,
        version: rows.versions[i]!,
      };
      this.#rows.delete(id);
      this.#rows.set(id, { row, revision });
    }
    for (const id of this.#rows.keys()) {
      if (this.#rows.size <= mostKept) break;
      this.#rows.delete(id);
    }
    this.#rowsVersion++;
  }
}
