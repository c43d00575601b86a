/** What a run's metrics tell of its earlier processes: the teacher's headline k-NN, the last one and the best; time. */
import { readJsonLines } from '../formats';
import { headlineKnn, type EpochEvaluation, type EpochEvent } from './events';

export class KnnSoFar {
  /** Percent; null before the first measurement. */
  last: number | null = null;
  best: number | null = null;
  /** Seconds of computing until the last step. */
  elapsed = 0;

  /** What the metrics of earlier processes of the run tell. */
  static async read(metricsFile: string): Promise<KnnSoFar> {
    const knn = new KnnSoFar();
    for await (const line of readJsonLines(metricsFile)) {
      const event = line as Partial<Omit<EpochEvent, 'event'>> & { event?: string };
      if (typeof event.elapsed === 'number') knn.elapsed = event.elapsed;
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
