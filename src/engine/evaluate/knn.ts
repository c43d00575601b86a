/**
 * Weighted k-NN classification as the original's evaluation/eval_knn.py: similarity is the dot product of normalised
 * features, each of the k nearest training pictures votes for its label with exp(similarity / T).
 */
import { forEachSimilarity, normalisedRows } from './similarity';

export interface KnnInput {
  /** Features [rows, dimension], rows in the order of the labels. */
  train: Float32Array;
  trainLabels: ArrayLike<number>;
  test: Float32Array;
  testLabels: ArrayLike<number>;
  dimension: number;
  /** Numbers of neighbours, each answered on its own. */
  k: readonly number[];
  /** The original's 0.07 unless given. */
  temperature?: number;
  /** Set to false where the rows have length 1 already. */
  normalise?: boolean;
  /** Also return every class's sum of votes: [test rows, classes] for each k. */
  keepVotes?: boolean;
  signal?: AbortSignal;
}

export interface KnnResult {
  k: number;
  /** Percent of the test rows whose label is the first, or among the first five, by votes. */
  top1: number;
  top5: number;
  /** The winning label of each test row. */
  predictions: Int32Array;
  votes?: Float64Array;
}

/**
 * One result per entry of `k`, null where there are fewer than k training rows, or no test rows. Labels are integers
 * from 0. A class without votes is never among the first five; the original counts some such classes at random.
 */
export async function weightedKnn(input: KnnInput): Promise<(KnnResult | null)[]> {
  const { trainLabels, testLabels, dimension, k, temperature = 0.07, normalise = true } = input;
  const trainRows = input.train.length / dimension;
  const testRows = input.test.length / dimension;
  if (trainLabels.length !== trainRows || testLabels.length !== testRows) {
    throw new RangeError(`${trainRows} + ${testRows} features with ${trainLabels.length} + ${testLabels.length} labels`);
  }
  const possible = k.filter((count) => count >= 1 && count <= trainRows);
  if (possible.length === 0 || testRows === 0) return k.map(() => null);
  const classes = 1 + Array.from(trainLabels).reduce((largest, label) => Math.max(largest, label), 0);
  const nearest = await nearestRows(
    normalise ? normalisedRows(input.test, dimension) : input.test,
    normalise ? normalisedRows(input.train, dimension) : input.train,
    dimension,
    Math.max(...possible),
    input.signal,
  );
  return k.map((count) => {
    if (!possible.includes(count)) return null;
    return classify(nearest, count, trainLabels, testLabels, classes, temperature, input.keepVotes ?? false);
  });
}

/** The `count` most similar bank rows of each query: indices and similarities [queries, count], most similar first. */
export interface Nearest {
  count: number;
  rows: Int32Array;
  similarities: Float32Array;
}

/** Finds the most similar rows of `bank` for every row of `queries`; of equally similar ones the first. */
export async function nearestRows(
  queries: Float32Array,
  bank: Float32Array,
  dimension: number,
  count: number,
  signal?: AbortSignal,
): Promise<Nearest> {
  const queryRows = queries.length / dimension;
  const rows = new Int32Array(queryRows * count).fill(-1);
  const similarities = new Float32Array(queryRows * count).fill(-Infinity);
  await forEachSimilarity(
    queries,
    bank,
    dimension,
    (block) => {
      for (let i = 0; i < block.queries; i++) {
        const start = (block.query + i) * count;
        const last = start + count - 1;
        let worst = similarities[last]!;
        for (let j = 0; j < block.banks; j++) {
          const value = block.values[i * block.stride + j]!;
          if (!(value > worst)) continue;
          // Insertion into the sorted list; after the first rows few values get here.
          let at = last;
          for (; at > start && similarities[at - 1]! < value; at--) {
            similarities[at] = similarities[at - 1]!;
            rows[at] = rows[at - 1]!;
          }
          similarities[at] = value;
          rows[at] = block.bank + j;
          worst = similarities[last]!;
        }
      }
    },
    signal,
  );
  return { count, rows, similarities };
}

function classify(
  nearest: Nearest,
  k: number,
  trainLabels: ArrayLike<number>,
  testLabels: ArrayLike<number>,
  classes: number,
  temperature: number,
  keepVotes: boolean,
): KnnResult {
  const testRows = testLabels.length;
  const predictions = new Int32Array(testRows);
  const votes = keepVotes ? new Float64Array(testRows * classes) : undefined;
  const sums = new Float64Array(classes);
  let right = 0;
  let among = 0;
  for (let row = 0; row < testRows; row++) {
    sums.fill(0);
    for (let i = row * nearest.count; i < row * nearest.count + k; i++) {
      const neighbour = nearest.rows[i]!;
      // Rows of NaN (a broken model) are similar to nothing and have no neighbours.
      if (neighbour >= 0) sums[trainLabels[neighbour]!]! += Math.exp(nearest.similarities[i]! / temperature);
    }
    votes?.set(sums, row * classes);
    let winner = 0;
    for (let label = 1; label < classes; label++) if (sums[label]! > sums[winner]!) winner = label;
    predictions[row] = winner;
    const label = testLabels[row]!;
    const own = sums[label] ?? 0;
    if (own === 0) continue;
    if (winner === label) right++;
    let before = 0;
    for (let other = 0; other < classes; other++) {
      if (sums[other]! > own || (sums[other] === own && other < label)) before++;
    }
    if (before < 5) among++;
  }
  const percent = (hits: number): number => (100 * hits) / testRows;
  return { k, top1: percent(right), top5: percent(among), predictions, ...(votes && { votes }) };
}
