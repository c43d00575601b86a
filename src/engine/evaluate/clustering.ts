/**
 * How well clusters agree with labels, as the original logs it per epoch (evaluation/unsupervised/unsup_cls.py, which
 * takes the arg max of the teacher's [CLS] output as cluster). Definitions as scikit-learn's.
 */
import { assignMaximum } from './assignment';

export interface ClusterScores {
  /** Normalised mutual information, by the arithmetic mean of the entropies; 0 … 1. */
  nmi: number;
  /** Adjusted Rand index (Hubert and Arabie 1985); at most 1, about 0 for independent clusters. */
  ari: number;
  /** What the original logs as fscore: the Fowlkes–Mallows score, √(precision · recall) over pairs; 0 … 1. */
  fscore: number;
}

interface Contingency {
  total: number;
  labels: Float64Array;
  clusters: Float64Array;
  /** Pairs that occur, with indices into `labels` and `clusters`. */
  cells: { label: number; cluster: number; count: number }[];
}

/** Counts only what occurs: with 8192 clusters the whole table would be mostly zeros. */
function contingency(labels: ArrayLike<number>, clusters: ArrayLike<number>): Contingency {
  const total = labels.length;
  if (clusters.length !== total) throw new RangeError(`${total} labels, ${clusters.length} clusters`);
  const labelIndex = new Map<number, number>();
  const clusterIndex = new Map<number, number>();
  const cells = new Map<number, Map<number, number>>();
  const indexOf = (map: Map<number, number>, value: number): number => {
    const known = map.get(value);
    if (known !== undefined) return known;
    map.set(value, map.size);
    return map.size - 1;
  };
  for (let i = 0; i < total; i++) {
    const label = indexOf(labelIndex, labels[i]!);
    const cluster = indexOf(clusterIndex, clusters[i]!);
    const row = cells.get(label) ?? new Map<number, number>();
    cells.set(label, row.set(cluster, (row.get(cluster) ?? 0) + 1));
  }
  const result: Contingency = {
    total,
    labels: new Float64Array(labelIndex.size),
    clusters: new Float64Array(clusterIndex.size),
    cells: [],
  };
  for (const [label, row] of cells) {
    for (const [cluster, count] of row) {
      result.labels[label]! += count;
      result.clusters[cluster]! += count;
      result.cells.push({ label, cluster, count });
    }
  }
  return result;
}

function entropy(counts: Float64Array, total: number): number {
  return counts.reduce((sum, count) => sum - (count / total) * Math.log(count / total), 0);
}

/** Null without samples. Labels and clusters are any integers. */
export function clusterScores(labels: ArrayLike<number>, clusters: ArrayLike<number>): ClusterScores | null {
  const table = contingency(labels, clusters);
  const n = table.total;
  if (n === 0) return null;

  let nmi = 1;
  if (table.labels.length > 1 || table.clusters.length > 1) {
    const information = table.cells.reduce(
      (sum, { label, cluster, count }) =>
        sum + (count / n) * Math.log((count * n) / (table.labels[label]! * table.clusters[cluster]!)),
      0,
    );
    const mean = (entropy(table.labels, n) + entropy(table.clusters, n)) / 2;
    nmi = Math.min(1, Math.max(0, information / mean));
  }

  // Ordered pairs of samples: together in both, in the labels, in the clusters.
  const squares = (counts: Iterable<number>): number => [...counts].reduce((sum, count) => sum + count * count, -n);
  const both = squares(table.cells.map((cell) => cell.count));
  const inLabels = squares(table.labels);
  const inClusters = squares(table.clusters);
  const fscore = both === 0 ? 0 : Math.sqrt(both / inLabels) * Math.sqrt(both / inClusters);
  const pairs = n * (n - 1);
  const expected = (inLabels / pairs) * inClusters;
  const largest = (inLabels + inClusters) / 2;
  const perfect = both === inLabels && both === inClusters;
  const ari = perfect ? 1 : (both - expected) / (largest - expected);
  return { nmi, ari, fscore };
}

/** Share (0 … 1) of samples that are right when each label gets one cluster, as suits all best; null without samples. */
export function matchedAccuracy(labels: ArrayLike<number>, clusters: ArrayLike<number>): number | null {
  const table = contingency(labels, clusters);
  if (table.total === 0) return null;
  const columns = table.clusters.length;
  const counts = new Float64Array(table.labels.length * columns);
  for (const { label, cluster, count } of table.cells) counts[label * columns + cluster] = count;
  const matched = assignMaximum(counts, table.labels.length, columns);
  const right = matched.reduce((sum, cluster, label) => sum + (cluster < 0 ? 0 : counts[label * columns + cluster]!), 0);
  return right / table.total;
}
