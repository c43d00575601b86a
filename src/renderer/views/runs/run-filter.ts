/** Which runs a list shows: by what was typed, by state, dataset and tag. */
import type { RunState, RunSummary } from '../../../engine/protocol';

export interface RunFilter {
  /** Words that must all be found in the name, dataset, model, tags or note. */
  text: string;
  /** Empty: all. */
  states: ReadonlySet<RunState>;
  datasets: ReadonlySet<string>;
  tags: ReadonlySet<string>;
}

type Searched = Pick<RunSummary, 'run' | 'datasetName' | 'model' | 'gist' | 'tags' | 'note' | 'state'>;

export function fits(run: Searched, { text, states, datasets, tags }: RunFilter): boolean {
  if (states.size > 0 && !states.has(run.state)) return false;
  if (datasets.size > 0 && !datasets.has(run.datasetName)) return false;
  if (tags.size > 0 && !run.tags.some((tag) => tags.has(tag))) return false;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const searched = [run.run, run.datasetName, run.model, run.gist, run.note, ...run.tags].join('\n').toLowerCase();
  return words.every((word) => searched.includes(word));
}

/** Values with how many runs have them, the most frequent first. */
export function counted<Value extends string>(values: Iterable<Value>): { value: Value; count: number }[] {
  const counts = new Map<Value, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count || a.value.localeCompare(b.value));
}

/** Tags that all of these runs have. */
export const commonTags = (runs: readonly Pick<RunSummary, 'tags'>[]): string[] =>
  (runs[0]?.tags ?? []).filter((tag) => runs.every(({ tags }) => tags.includes(tag)));
