import { z } from 'zod';
import { UserError } from '../errors';
import { clusterScores, matchedAccuracy, weightedKnn } from '../evaluate';
import type { ReferenceCase, Tensors } from './case';
import { atMost, within, type CaseRunner, type Check } from './check';

const configSchema = z.looseObject({
  dim: z.number().int().positive(),
  k: z.array(z.number().int().positive()),
  temperature: z.number().positive(),
});
const expectedSchema = z.looseObject({
  results: z.record(z.string(), z.looseObject({ top1: z.number(), top5_counting_only_classes_with_votes: z.number() })),
});
const clusteringSchema = z.record(
  z.string(),
  z.looseObject({ nmi: z.number(), ari: z.number(), fscore: z.number(), best_matching_accuracy: z.number() }),
);

/** Votes [rows, from] laid out as [rows, to]: classes past the training set's largest label have none. */
function widened(votes: Float64Array, rows: number, to: number): Float64Array {
  const from = votes.length / rows;
  const all = new Float64Array(rows * to);
  for (let row = 0; row < rows; row++) all.set(votes.subarray(row * from, row * from + Math.min(from, to)), row * to);
  return all;
}

async function classification(reference: ReferenceCase): Promise<Check[]> {
  const config = reference.parse(configSchema);
  const { results: wanted } = await reference.json('expected.json', expectedSchema);
  const expected = await reference.tensors('expected.safetensors');
  const inputs = await reference.tensors('inputs.safetensors');
  const percent = reference.toleranceInWords('top1', /to ([\d.]+(?:e[-+]?\d+)?)/);
  const results = await weightedKnn({
    train: inputs.get('train_features'),
    trainLabels: inputs.get('train_labels'),
    test: inputs.get('test_features'),
    testLabels: inputs.get('test_labels'),
    dimension: config.dim,
    k: config.k,
    temperature: config.temperature,
    keepVotes: true,
  });
  return config.k.flatMap((k, i): Check[] => {
    const [result, want] = [results[i], wanted[k]];
    if (!want) throw new UserError(`${reference.name}: expected.json has no result for k = ${k}.`);
    if (!result) return [atMost(`k${k}`, NaN, 0)];
    const predictions = expected.get(`k${k}.prediction`);
    const votes = expected.get(`k${k}.votes`);
    const rows = predictions.length;
    const different = predictions.reduce((sum, label, row) => sum + Number(label !== result.predictions[row]), 0);
    return [
      atMost(`k${k}.top1`, Math.abs(result.top1 - want.top1), percent),
      atMost(`k${k}.top5`, Math.abs(result.top5 - want.top5_counting_only_classes_with_votes), percent),
      atMost(`k${k}.prediction (different ones)`, different + Math.abs(result.predictions.length - rows), 0),
      within(`k${k}.votes`, widened(result.votes!, rows, votes.length / rows), votes, reference.tolerance('votes')),
    ];
  });
}

async function clustering(reference: ReferenceCase): Promise<Check[]> {
  const wanted = await reference.json('clustering.json', clusteringSchema);
  const inputs: Tensors = await reference.tensors('clustering.safetensors');
  return Object.entries(wanted).flatMap(([name, want]): Check[] => {
    const [labels, clusters] = [inputs.get(`${name}.label`), inputs.get(`${name}.prediction`)];
    const scores = clusterScores(labels, clusters);
    const accuracy = matchedAccuracy(labels, clusters);
    return [
      ...(['nmi', 'ari', 'fscore'] as const).map((score) => {
        return within(`${name}.${score}`, [scores?.[score] ?? NaN], [want[score]], reference.tolerance(score));
      }),
      within(`${name}.acc`, [accuracy ?? NaN], [want.best_matching_accuracy], reference.tolerance('acc')),
    ];
  });
}

export const knn: CaseRunner = {
  async run({ reference }) {
    return [...(await classification(reference)), ...(await clustering(reference))];
  },
};
