import type { Dataset, Filter, Result } from '../../../../engine/protocol';
import { engine, selection } from '../../../state';
import type { ShownPictures } from '../shown-pictures.svelte';

export type Facets = Result<'pictures.facets'>;
export const bins = 36;

const afterMs = 120;

/** Counts and histograms beside the grid, asked anew with filter, selection and revision; the old ones stay until then. */
export class FacetState {
  facets = $state.raw<Facets>();
  /** Kinds of problems that there are, with their counts. */
  problems = $state.raw<Result<'problems.groups'>['groups']>([]);

  constructor(shown: ShownPictures, dataset: () => Dataset) {
    const { dataset: id } = shown;
    const revision = $derived(dataset().revision);
    const problems = $derived(dataset().problems);
    $effect(() => {
      void revision;
      const filter = shown.filter;
      const selected = selection.ids(id);
      const abort = new AbortController();
      const timer = setTimeout(async () => {
        const params = { dataset: id, filter, bins, ...(selected.length > 0 ? { selection: selected } : {}) };
        const facets = await engine.call('pictures.facets', params, { signal: abort.signal }).catch(() => undefined);
        if (facets && !abort.signal.aborted) this.facets = facets;
      }, afterMs);
      return () => {
        clearTimeout(timer);
        abort.abort();
      };
    });
    $effect(() => {
      void problems;
      const abort = new AbortController();
      engine.call('problems.groups', { dataset: id }, { signal: abort.signal }).then(
        ({ groups }) => (this.problems = groups),
        () => undefined,
      );
      return () => abort.abort();
    });
  }
}

/** Conditions that are set, for "Clear filters". */
export const isFiltered = (filter: Filter): boolean => Object.keys(filter).length > 0;

/** A filter with one condition set, or taken away by undefined. */
export function withCondition<Name extends keyof Filter>(filter: Filter, name: Name, value: Filter[Name] | undefined): Filter {
  const { [name]: _, ...others } = filter;
  return value === undefined ? others : { ...others, [name]: value };
}

type AttributeCondition = NonNullable<Filter['attributes']>[number];

export function withAttribute(filter: Filter, name: string, condition: AttributeCondition | undefined): Filter {
  const others = (filter.attributes ?? []).filter((each) => each.name !== name);
  const all = condition ? [...others, condition] : others;
  return withCondition(filter, 'attributes', all.length > 0 ? all : undefined);
}
