/** What can be compared as curves. */
import type { EpochSeries, StepSeries } from '../../../engine/protocol';
import type { YOptions } from '../../charts';
import { percent, percentTick, type Measured } from '../../curves';
import { bytes, number } from '../../state/words';

export interface ComparedChart {
  /** Of the series; notes of `runs.compare` name it. */
  name: StepSeries | EpochSeries;
  /** Measured at each step, or after epochs. */
  each: 'step' | 'epoch';
  title: string;
  help?: string;
  format?: (value: number) => string;
  yTick?: (value: number, distance: number) => string;
  y?: YOptions;
  logarithmic?: boolean;
  smooth?: boolean;
  /** What it was before any learning. */
  untrained?: (frame: NonNullable<Measured['frame']>) => number | null;
  /** A level that is the same for all, if it is. */
  level?: (frame: NonNullable<Measured['frame']>) => { y: number; label: string } | null;
  /** Stands in the first row. */
  large?: boolean;
  /** Shown until somebody chooses. */
  usual?: boolean;
}

const inPercent = { format: percent, yTick: percentTick };
const guess = (y: number) => (y > 0 ? { y, label: `uniform guessing ${number(y, 2)}` } : null);

export const comparedCharts: readonly ComparedChart[] = [
  {
    name: 'knn',
    each: 'epoch',
    title: 'k-NN accuracy',
    help: 'How often the class of a held-out picture is that of the training pictures most like it, by the features of the teacher.',
    ...inPercent,
    y: { least: 0, most: 100 },
    untrained: ({ baselines }) => baselines?.untrained.knn?.k20 ?? baselines?.untrained.knn?.k10 ?? null,
    large: true,
    usual: true,
  },
  { name: 'loss', each: 'step', title: 'Loss, total', y: { cut: true }, logarithmic: true, smooth: true, level: ({ guessing }) => guess(guessing.loss), large: true, usual: true },
  {
    name: 'retrieval',
    each: 'epoch',
    title: 'View retrieval',
    help: 'How often another crop of the same picture is found first among all pictures. It needs no labels.',
    ...inPercent,
    y: { least: 0, most: 100 },
    untrained: ({ baselines }) => baselines?.untrained.retrieval ?? null,
    usual: true,
  },
  { name: 'cls', each: 'step', title: 'Loss, [CLS]', y: { cut: true }, logarithmic: true, smooth: true, level: ({ guessing }) => guess(guessing.cls), usual: true },
  { name: 'patch', each: 'step', title: 'Loss, patches', y: { cut: true }, logarithmic: true, smooth: true, level: ({ guessing }) => guess(guessing.patch), usual: true },
  {
    name: 'rank',
    each: 'epoch',
    title: 'Feature rank',
    help: 'In how many directions the teacher’s features really differ.',
    format: (value) => number(value, value < 10 ? 1 : 0),
    y: { zero: true },
    untrained: ({ baselines }) => baselines?.untrained.rank ?? null,
    usual: true,
  },
  {
    name: 'gradientNorm',
    each: 'step',
    title: 'Gradient norm',
    help: 'Length of the gradient of all parameters, before it is clipped.',
    y: { zero: true, cut: true },
    logarithmic: true,
    smooth: true,
    level: ({ clip }) => (clip > 0 ? { y: clip, label: `clipped at ${number(clip, 1)}` } : null),
    usual: true,
  },
  { name: 'learningRate', each: 'step', title: 'Learning rate', y: { zero: true }, logarithmic: true, usual: true },
  { name: 'teacherTemperature', each: 'step', title: 'Teacher temperature', format: (value) => number(value, 3), y: { zero: true }, usual: true },
  { name: 'teacherPatchTemperature', each: 'step', title: 'Teacher temperature, patches', format: (value) => number(value, 3), y: { zero: true } },
  { name: 'picturesPerSecond', each: 'step', title: 'Pictures per second', y: { zero: true }, smooth: true, usual: true },
  { name: 'weightDecay', each: 'step', title: 'Weight decay', y: { zero: true } },
  { name: 'momentum', each: 'step', title: 'Teacher momentum', help: 'The share of itself that the teacher keeps at each step.', format: (value) => number(value, 4) },
  { name: 'teacherEntropy', each: 'step', title: 'Entropy, [CLS]', help: 'How spread the teacher’s outputs are for each picture.', y: { least: 0 }, smooth: true },
  { name: 'meanTeacherEntropy', each: 'step', title: 'Entropy of the mean, [CLS]', help: 'Near 0 all pictures get the same output, which is a collapse.', y: { least: 0 }, smooth: true },
  { name: 'teacherPatchEntropy', each: 'step', title: 'Entropy, patches', help: 'How spread the teacher’s outputs are for each patch.', y: { least: 0 }, smooth: true },
  { name: 'meanTeacherPatchEntropy', each: 'step', title: 'Entropy of the mean, patches', help: 'Near 0 all patches get the same output, which is a collapse.', y: { least: 0 }, smooth: true },
  { name: 'accuracy', each: 'epoch', title: 'Same output', help: 'Pictures for which teacher and student, each with a crop of its own, give the same output.', ...inPercent, y: { zero: true, most: 100 } },
  { name: 'nmi', each: 'epoch', title: 'Outputs and classes, NMI', help: 'How much the teacher’s outputs tell about the classes, 0 … 1.', y: { zero: true } },
  { name: 'studentKnn', each: 'epoch', title: 'k-NN accuracy of the student', ...inPercent, y: { least: 0, most: 100 } },
  { name: 'memoryBytes', each: 'step', title: 'Memory of the device', format: bytes, yTick: bytes, y: { zero: true } },
];
