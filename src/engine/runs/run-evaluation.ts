/** A run's measurements on held-out pictures: the baselines once, the networks in training as the schedule says. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Problem } from '../data';
import { untrainedBackbone, type EpochEvaluator } from '../evaluate';
import { writeFileAtomic } from '../formats';
import type { Recipe, Trainer } from '../ibot';
import { EvaluationSchedule } from './evaluation-schedule';
import type { Baselines, EpochEvaluation, RunEvent } from './events';
import type { MetricsLog } from './metrics';

const score = z.number().nullable();
const knn = z.object({ k10: score, k20: score, k100: score, k200: score }).nullable();
const baselinesSchema = z.object({ untrained: z.object({ knn, retrieval: score, rank: score }), pixels: knn });

export interface RunEvaluationParts {
  evaluator: EpochEvaluator;
  trainer: Trainer;
  recipe: Recipe;
  baselinesFile: string;
  metrics: MetricsLog;
  emit: (event: RunEvent) => void;
}

export class RunEvaluation {
  readonly schedule: EvaluationSchedule;
  private baselines: Baselines | undefined;

  constructor(private readonly parts: RunEvaluationParts) {
    this.schedule = new EvaluationSchedule(parts.recipe.knn_every);
  }

  get untrainedRank(): number | null {
    return this.baselines?.untrained.rank ?? null;
  }

  /** Pictures that could not be measured with, as far as training does not meet them. */
  get problems(): readonly Problem[] {
    return this.parts.evaluator.problems;
  }

  /** Measures the untrained network and raw pixels, or reads what an earlier process of the run measured. */
  async measureBaselines(signal?: AbortSignal): Promise<void> {
    const { evaluator, trainer, recipe, baselinesFile, metrics, emit } = this.parts;
    if (recipe.knn_every === 0) return;
    const known = await readBaselines(baselinesFile);
    if (known) {
      this.baselines = known;
      emit({ event: 'baselines', ...known });
      return;
    }
    const start = performance.now();
    const backbone = untrainedBackbone(trainer.gpu, trainer.network, recipe.seed);
    try {
      const untrained = await evaluator.measure(backbone, this.progress, signal);
      this.schedule.measured((performance.now() - start) / 1000);
      const pixels = await evaluator.measurePixels(signal);
      this.baselines = { untrained, pixels };
    } catch (error) {
      if (signal?.aborted) return;
      throw error;
    } finally {
      backbone.values.destroy();
    }
    await writeFileAtomic(baselinesFile, `${JSON.stringify(this.baselines, null, 2)}\n`);
    await metrics.baselines(this.baselines);
    emit({ event: 'baselines', ...this.baselines });
  }

  /** Null when the signal came meanwhile. */
  async measure(signal?: AbortSignal): Promise<EpochEvaluation | null> {
    const { evaluator, trainer, recipe } = this.parts;
    const { network } = trainer;
    const start = performance.now();
    try {
      const teacher = await evaluator.measure(network.teacher, this.progress, signal);
      const student = recipe.evaluate_student ? await evaluator.measure(network.student, this.progress, signal) : undefined;
      const seconds = (performance.now() - start) / 1000;
      this.schedule.measured(seconds);
      return { teacher, ...(student && { student }), seconds };
    } catch (error) {
      if (signal?.aborted) return null;
      throw error;
    }
  }

  private readonly progress = (done: number, total: number): void => {
    this.parts.emit({ event: 'preparing', stage: 'evaluation', done, total });
  };
}

/** Undefined where there are none, or none that can be read: then they are measured again. */
async function readBaselines(file: string): Promise<Baselines | undefined> {
  try {
    return baselinesSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}
