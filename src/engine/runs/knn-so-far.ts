/** The teacher's headline k-NN over a run: the last one measured, and the best. */
import { readJsonLines } from '../formats';
import { headlineKnn, type EpochEvaluation, type EpochEvent } from './events';

export class KnnSoFar {
  /** Percent; null before the first measurement. */
  last: number | null = null;
  best: number | null = null;

  /** What the metrics of earlier processes of the run tell. */
  static async read(metricsFile: string): Promise<KnnSoFar> {
    const knn = new KnnSoFar();
    for await (const line of readJsonLines(metricsFile)) {
      const event = line as Partial<EpochEvent>;
      if (event.event === 'epoch') knn.add(event.evaluation ?? null);
    }
    return knn;
  }

  add(evaluation: EpochEvaluation | null): void {
    const score = headlineKnn(evaluation?.teacher.knn ?? null);
    if (score === null) return;
    this.last = score;
    this.best = Math.max(score, this.best ?? score);
  }
}
