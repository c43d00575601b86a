/**
 * What is gathered over an epoch: sums of the measured values, and what teacher and student answered for each picture.
 * It is part of a checkpoint, so that an epoch taken up in its middle is logged as one that was never stopped.
 */
import type { Manifest } from '../data';
import { clusterScores } from '../evaluate';
import type { StepReport } from '../ibot';

const SUMMED = [
  'loss',
  'cls',
  'patch',
  'teacherEntropy',
  'meanTeacherEntropy',
  'teacherPatchEntropy',
  'meanTeacherPatchEntropy',
  'koleo',
] as const;
type SummedMetric = (typeof SUMMED)[number];

/** Sums as an earlier version of the program may have stored them: one that it did not know begins at 0. */
export const completeSums = (sums: Readonly<Record<string, number>>): Record<SummedMetric, number> =>
  Object.fromEntries(SUMMED.map((name) => [name, sums[name] ?? 0])) as Record<SummedMetric, number>;

export interface EpochState {
  /** Steps of the epoch that are in here. */
  steps: number;
  sums: Record<SummedMetric, number>;
  /** Per picture seen: its place in the manifest, the teacher's answer to its first crop, the student's to its second. */
  pictures: Uint32Array;
  teacher: Uint32Array;
  student: Uint32Array;
}

export interface EpochSummary extends Record<SummedMetric, number> {
  /** Percent of pictures for which teacher and student agree. */
  accuracy: number;
  nmi: number | null;
  ari: number | null;
  fscore: number | null;
}

export class EpochProgress {
  private steps: number;
  private readonly sums: Record<SummedMetric, number>;
  private readonly pictures: Uint32Array[];
  private readonly teacher: Uint32Array[];
  private readonly student: Uint32Array[];

  constructor(state?: EpochState) {
    this.steps = state?.steps ?? 0;
    this.sums = completeSums(state?.sums ?? {});
    this.pictures = state ? [state.pictures] : [];
    this.teacher = state ? [state.teacher] : [];
    this.student = state ? [state.student] : [];
  }

  get isEmpty(): boolean {
    return this.steps === 0;
  }

  /** @param indices the pictures of each micro-batch, by their places in the manifest */
  add(report: StepReport, indices: readonly Uint32Array[]): void {
    this.steps++;
    for (const name of SUMMED) this.sums[name] += report.loss[name];
    indices.forEach((pictures, micro) => {
      const batch = pictures.length;
      this.pictures.push(pictures);
      // Crop-major: the first rows are crop 0 of every picture, the next ones crop 1 (main_ibot.py, `probs1[0]`, `probs2[1]`).
      this.teacher.push(report.teacherArgmax[micro]!.slice(0, batch));
      this.student.push(report.studentArgmax[micro]!.slice(batch, 2 * batch));
    });
  }

  state(): EpochState {
    return {
      steps: this.steps,
      sums: { ...this.sums },
      pictures: joined(this.pictures),
      teacher: joined(this.teacher),
      student: joined(this.student),
    };
  }

  /** Means, and the scores that the original logs per epoch (evaluation/unsupervised/unsup_cls.py). */
  summary(manifest: Manifest): EpochSummary {
    const { pictures, teacher, student } = this.state();
    const means = Object.fromEntries(SUMMED.map((name) => [name, this.sums[name] / this.steps]));
    let agreed = 0;
    teacher.forEach((answer, i) => (agreed += answer === student[i] ? 1 : 0));
    const labels: number[] = [];
    const clusters: number[] = [];
    pictures.forEach((index, i) => {
      const { label } = manifest.pictures[index]!;
      if (label < 0) return;
      labels.push(label);
      clusters.push(teacher[i]!);
    });
    const scores = clusterScores(labels, clusters);
    return {
      ...(means as Record<SummedMetric, number>),
      accuracy: (100 * agreed) / teacher.length,
      nmi: scores?.nmi ?? null,
      ari: scores?.ari ?? null,
      fscore: scores?.fscore ?? null,
    };
  }
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  const whole = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
