import { describe, expect, it } from 'vitest';
import { assignMaximum } from '../../../src/engine/evaluate/assignment';
import { clusterScores, matchedAccuracy } from '../../../src/engine/evaluate/clustering';
import { weightedKnn } from '../../../src/engine/evaluate/knn';
import { effectiveRank, symmetricEigenvalues } from '../../../src/engine/evaluate/rank';
import { viewRetrieval } from '../../../src/engine/evaluate/retrieval';
import { forEachSimilarity } from '../../../src/engine/evaluate/similarity';
import { Purpose, Random } from '../../../src/engine/random';

const random = new Random(1, Purpose.test);
const normals = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.normal());

describe('forEachSimilarity', () => {
  it.each([
    [1, 1, 1],
    [65, 513, 7],
    [3, 1025, 33],
    [130, 5, 197],
  ])('visits every pair of %i queries and %i rows of %i values once', async (queries, banks, dimension) => {
    const a = normals(queries * dimension);
    const b = normals(banks * dimension);
    const got = new Float64Array(queries * banks).fill(NaN);
    await forEachSimilarity(a, b, dimension, (block) => {
      for (let i = 0; i < block.queries; i++) {
        for (let j = 0; j < block.banks; j++) {
          const at = (block.query + i) * banks + block.bank + j;
          expect(got[at]).toBeNaN();
          got[at] = block.values[i * block.stride + j]!;
        }
      }
    });
    let worst = 0;
    for (let i = 0; i < queries; i++) {
      for (let j = 0; j < banks; j++) {
        let want = 0;
        for (let c = 0; c < dimension; c++) want += a[i * dimension + c]! * b[j * dimension + c]!;
        worst = Math.max(worst, Math.abs(got[i * banks + j]! - want));
      }
    }
    expect(worst).toBeLessThan(1e-4);
  });

  it('stops when asked', async () => {
    const signal = AbortSignal.abort();
    await expect(forEachSimilarity(normals(4), normals(4), 2, () => undefined, signal)).rejects.toThrow();
  });
});

describe('weightedKnn', () => {
  it('weighs votes by similarity: one close neighbour beats two far ones', async () => {
    const input = {
      train: Float32Array.of(2, 0, 0.1, 1, -0.1, 3),
      trainLabels: [4, 1, 1],
      test: Float32Array.of(5, 0.5),
      testLabels: [4],
      dimension: 2,
    };
    const [one, three, four] = await weightedKnn({ ...input, k: [1, 3, 4], keepVotes: true });
    expect(one!.top1).toBe(100);
    expect(three!.predictions[0]).toBe(4);
    const length = Math.hypot(5, 0.5);
    expect(three!.votes![4]!).toBeCloseTo(Math.exp(5 / length / 0.07), -1);
    expect(four).toBeNull();
    const [warm] = await weightedKnn({ ...input, k: [3], temperature: 100 });
    expect(warm!.predictions[0]).toBe(1);
    expect(warm!.top1).toBe(0);
    expect(warm!.top5).toBe(100);
  });

  it('counts labels that were never trained on, or got no vote, as wrong', async () => {
    const [result] = await weightedKnn({
      train: Float32Array.of(1, 1),
      trainLabels: [0, 0],
      test: Float32Array.of(1, 1, NaN),
      testLabels: [7, 0, 0],
      dimension: 1,
      k: [2],
    });
    expect(result!.top1).toBeCloseTo(100 / 3, 10);
    expect(result!.top5).toBeCloseTo(100 / 3, 10);
  });

  it('has no answer without test rows, and refuses labels of another length', async () => {
    const none = { train: Float32Array.of(1), trainLabels: [0], test: new Float32Array(0), testLabels: [], dimension: 1 };
    expect(await weightedKnn({ ...none, k: [1] })).toEqual([null]);
    await expect(weightedKnn({ ...none, testLabels: [1], k: [1] })).rejects.toThrow(RangeError);
  });
});

describe('viewRetrieval', () => {
  it('is 100 for crops that keep their picture, chance for a constant network, between for mixed ones', async () => {
    const first = normals(20 * 8);
    const second = first.map((value, i) => 3 * value + 0.01 * (i % 5));
    expect(await viewRetrieval(first, second, 8)).toBe(100);
    expect(await viewRetrieval(new Float32Array(160).fill(1), new Float32Array(160).fill(1), 8)).toBe(5);
    const half = second.slice();
    half.set(first.subarray(80).map((value) => -value), 80);
    const found = (await viewRetrieval(first, half, 8))!;
    expect(found).toBeGreaterThanOrEqual(45);
    expect(found).toBeLessThanOrEqual(50);
    expect(await viewRetrieval(new Float32Array(0), new Float32Array(0), 8)).toBeNull();
  });
});

describe('assignMaximum', () => {
  const best = (weights: number[], rows: number, columns: number): number => {
    const used = new Set<number>();
    const go = (row: number, skips: number): number => {
      if (row === rows) return 0;
      let most = skips > 0 ? go(row + 1, skips - 1) : -Infinity;
      for (let c = 0; c < columns; c++) {
        if (used.has(c)) continue;
        used.add(c);
        most = Math.max(most, weights[row * columns + c]! + go(row + 1, skips));
        used.delete(c);
      }
      return most;
    };
    return go(0, Math.max(0, rows - columns));
  };

  it.each([
    [1, 1],
    [4, 4],
    [3, 6],
    [6, 3],
    [5, 5],
  ])('finds the best of all %i × %i assignments', (rows, columns) => {
    for (let trial = 0; trial < 20; trial++) {
      const weights = Array.from({ length: rows * columns }, () => random.integer(12) - 3);
      const assigned = assignMaximum(weights, rows, columns);
      const given = [...assigned].filter((column) => column >= 0);
      expect(given.length).toBe(Math.min(rows, columns));
      expect(new Set(given).size).toBe(given.length);
      const sum = assigned.reduce((total, column, row) => total + (column < 0 ? 0 : weights[row * columns + column]!), 0);
      expect(sum).toBe(best(weights, rows, columns));
    }
  });
});

describe('cluster scores', () => {
  it('agree with values by hand', () => {
    // Labels 0011, clusters 0012: one pair together in both, 2 in the labels, 1 in the clusters, of 6.
    const scores = clusterScores([0, 0, 1, 1], [0, 0, 1, 2])!;
    expect(scores.fscore).toBeCloseTo(Math.sqrt(1 * 0.5), 12);
    expect(scores.ari).toBeCloseTo((1 - 2 / 6) / (1.5 - 2 / 6), 12);
    expect(scores.nmi).toBeCloseTo(Math.log(2) / ((Math.log(2) + 1.5 * Math.log(2)) / 2), 12);
    expect(matchedAccuracy([0, 0, 1, 1], [0, 0, 1, 2])).toBe(0.75);
  });

  it('are defined at the edges as in scikit-learn', () => {
    expect(clusterScores([5], [-3])).toEqual({ nmi: 1, ari: 1, fscore: 0 });
    expect(clusterScores([0, 1, 2], [0, 1, 2])).toEqual({ nmi: 1, ari: 1, fscore: 0 });
    expect(clusterScores([0, 0, 0], [8191, 8191, 8191])).toEqual({ nmi: 1, ari: 1, fscore: 1 });
    expect(clusterScores([], [])).toBeNull();
    expect(matchedAccuracy([], [])).toBeNull();
  });
});

describe('effective rank', () => {
  const fromEntropy = (singular: number[]): number => {
    const sum = singular.reduce((total, value) => total + value, 0);
    return Math.exp(-singular.reduce((total, value) => total + (value / sum) * Math.log(value / sum), 0));
  };

  it('is exp of the entropy of the singular values, for wide and tall features', async () => {
    const singular = [5, 3, 1, 0.25];
    const tall = new Float32Array(7 * 4);
    const wide = new Float32Array(4 * 7);
    singular.forEach((value, i) => {
      tall[i * 4 + i] = value;
      wide[i * 7 + i] = -value;
    });
    expect(await effectiveRank(tall, 4)).toBeCloseTo(fromEntropy(singular), 6);
    expect(await effectiveRank(wide, 7)).toBeCloseTo(fromEntropy(singular), 6);
  });

  it('is 1 for one direction, nearly full for noise, and does not count a mean that is taken away', async () => {
    const direction = normals(6);
    const line = Float32Array.from({ length: 60 }, (_, i) => direction[i % 6]! * (1 + Math.floor(i / 6)));
    expect(await effectiveRank(line, 6)).toBeCloseTo(1, 4);
    const noise = normals(400 * 8);
    expect(await effectiveRank(noise, 8)).toBeGreaterThan(7.9);
    const shifted = noise.map((value) => value + 1000);
    expect(await effectiveRank(shifted, 8)).toBeLessThan(1.2);
    expect(await effectiveRank(shifted, 8, true)).toBeGreaterThan(7.9);
    expect(await effectiveRank(new Float32Array(12), 4)).toBe(0);
    expect(await effectiveRank(new Float32Array(0), 4)).toBe(0);
    expect(await effectiveRank(Float32Array.of(1, NaN), 2)).toBeNaN();
  });

  it('gives others their turn while it is computed', async () => {
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    await effectiveRank(normals(1500 * 256), 256);
    isOver = true;
    expect(turns).toBeGreaterThan(2);
  });

  it('comes from eigenvalues that are right for dense, tridiagonal and degenerate matrices', async () => {
    const sorted = (values: Float64Array): number[] => [...values].sort((a, b) => a - b);
    for (const n of [1, 2, 3, 33, 64]) {
      // 2 on the diagonal, −1 beside it: eigenvalues 2 − 2 cos(π k / (n + 1)).
      const second = new Float64Array(n * n);
      for (let i = 0; i < n; i++) {
        second[i * n + i] = 2;
        if (i > 0) second[i * n + i - 1] = second[(i - 1) * n + i] = -1;
      }
      sorted(await symmetricEigenvalues(second, n)).forEach((value, k) => {
        expect(value).toBeCloseTo(2 - 2 * Math.cos((Math.PI * (k + 1)) / (n + 1)), 10);
      });
      // D turned by the reflection 1 − 2 u uᵀ, with an eigenvalue repeated.
      const wanted = Array.from({ length: n }, (_, i) => (i < 2 ? 1 : i * 1.5));
      const u = Array.from({ length: n }, () => random.normal());
      const length = Math.hypot(...u);
      const dense = new Float64Array(n * n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          for (let k = 0; k < n; k++) {
            const q = (row: number): number => (row === k ? 1 : 0) - (2 * u[row]! * u[k]!) / length ** 2;
            dense[i * n + j]! += q(i) * wanted[k]! * q(j);
          }
        }
      }
      sorted(await symmetricEigenvalues(dense, n)).forEach((value, k) => expect(value).toBeCloseTo(wanted[k]!, 9));
    }
  });
});
