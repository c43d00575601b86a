/**
 * View retrieval: does a crop of a picture find the other crop of the same picture among the crops of all others?
 * Needs no labels, so it is what a run on unlabelled pictures reports in place of k-NN accuracy.
 */
import { nearestRows } from './knn';
import { normalisedRows } from './similarity';

/**
 * `first` and `second` are the features [pictures, dimension] of two crops of the same pictures, in the same order.
 * Returns the percent of crops, both ways, whose most similar crop in the other set is their sibling. Chance is
 * 100 / pictures. Null without pictures. Where features are equal for many pictures (a collapsed network), the first
 * of the equal ones counts as the answer, so a constant output scores 100 / pictures.
 */
export async function viewRetrieval(
  first: Float32Array,
  second: Float32Array,
  dimension: number,
  signal?: AbortSignal,
): Promise<number | null> {
  if (first.length !== second.length) throw new RangeError(`${first.length} and ${second.length} values: not the same pictures`);
  const pictures = first.length / dimension;
  if (pictures === 0) return null;
  const a = normalisedRows(first, dimension);
  const b = normalisedRows(second, dimension);
  let found = 0;
  for (const [queries, bank] of [[a, b], [b, a]] as const) {
    const { rows } = await nearestRows(queries, bank, dimension, 1, signal);
    for (let i = 0; i < pictures; i++) if (rows[i] === i) found++;
  }
  return (50 * found) / pictures;
}
