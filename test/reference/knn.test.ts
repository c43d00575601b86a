import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { clusterScores, matchedAccuracy } from '../../src/engine/evaluate/clustering';
import { weightedKnn, type KnnResult } from '../../src/engine/evaluate/knn';
import { readSafetensors, type SafetensorsContents } from '../../src/engine/formats';

const folder = join(import.meta.dirname, 'knn');
const json = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(folder, name), 'utf8')) as T;

interface Case {
  config: { dim: number; k: number[]; classes: number; temperature: number };
  tolerance: { votes: { rtol: number }; 'nmi, ari, fscore, acc': { atol: number } };
}
interface Expected {
  results: Record<string, { top1: number; top5_counting_only_classes_with_votes: number }>;
}
type Clustering = Record<
  string,
  { nmi: number; ari: number; fscore: number; acc: number | string; best_matching_accuracy: number }
>;

describe('the case knn', () => {
  let reference: Case;
  let expected: Expected;
  let wanted: SafetensorsContents;
  let results: (KnnResult | null)[];

  beforeAll(async () => {
    reference = await json<Case>('case.json');
    expected = await json<Expected>('expected.json');
    wanted = await readSafetensors(join(folder, 'expected.safetensors'));
    const { tensors } = await readSafetensors(join(folder, 'inputs.safetensors'));
    results = await weightedKnn({
      train: tensors.get('train_features')!.data as Float32Array,
      trainLabels: tensors.get('train_labels')!.data as Int32Array,
      test: tensors.get('test_features')!.data as Float32Array,
      testLabels: tensors.get('test_labels')!.data as Int32Array,
      dimension: reference.config.dim,
      k: reference.config.k,
      temperature: reference.config.temperature,
      keepVotes: true,
    });
  });

  it('gives the same accuracy, predictions and votes', () => {
    expect(results.length).toBe(reference.config.k.length);
    for (const result of results) {
      expect(result).not.toBeNull();
      const { k, top1, top5, predictions, votes } = result!;
      const want = expected.results[k]!;
      expect(Math.abs(top1 - want.top1)).toBeLessThanOrEqual(1e-9);
      expect(Math.abs(top5 - want.top5_counting_only_classes_with_votes)).toBeLessThanOrEqual(1e-9);
      expect([...predictions]).toEqual([...(wanted.tensors.get(`k${k}.prediction`)!.data as Int32Array)]);
      const wantVotes = wanted.tensors.get(`k${k}.votes`)!.data as Float32Array;
      expect(votes!.length).toBe(wantVotes.length);
      let worst = 0;
      wantVotes.forEach((vote, i) => {
        worst = Math.max(worst, Math.abs(votes![i]! - vote) / Math.max(vote, Number.MIN_VALUE));
      });
      expect(worst).toBeLessThanOrEqual(reference.tolerance.votes.rtol);
    }
  });

  it('gives the same clustering scores', async () => {
    const clustering = await json<Clustering>('clustering.json');
    const { tensors } = await readSafetensors(join(folder, 'clustering.safetensors'));
    const { atol } = reference.tolerance['nmi, ari, fscore, acc'];
    expect(Object.keys(clustering).length).toBeGreaterThan(0);
    for (const [name, want] of Object.entries(clustering)) {
      const labels = tensors.get(`${name}.label`)!.data as Int32Array;
      const predictions = tensors.get(`${name}.prediction`)!.data as Int32Array;
      const scores = clusterScores(labels, predictions)!;
      for (const score of ['nmi', 'ari', 'fscore'] as const) {
        expect(Math.abs(scores[score] - want[score]), `${name} ${score}`).toBeLessThanOrEqual(atol);
      }
      const accuracy = matchedAccuracy(labels, predictions)!;
      expect(Math.abs(accuracy - want.best_matching_accuracy), `${name} accuracy`).toBeLessThanOrEqual(atol);
    }
  });
});
