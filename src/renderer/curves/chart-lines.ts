/** From what was measured to the lines of each chart. */
import type { EpochSeries, StepSeries } from '../../engine/protocol';
import type { Line, Mark, Reference } from '../charts/lines';
import { tick } from '../charts/words';
import { number } from '../state/words';
import type { Measured } from './measured';
import { placesOf } from './places';

type Look = Partial<Pick<Line, 'smooth' | 'look' | 'end'>>;

/** One quantity alone is in the colour of text; several have colours of their own. */
export const alone = 'var(--text)';

/** A quantity of each step, with what it ranges over where several steps are one point. */
export function stepLine({ steps, unit }: Measured, name: StepSeries, label: string, colour = alone, look: Look = { smooth: true }): Line {
  const spread = steps?.series[name];
  if (!steps || !spread) return { label, colour, x: [], y: [] };
  const isExact = steps.stepsPerBucket === 1;
  return {
    label,
    colour,
    x: placesOf(steps, unit),
    y: spread.mean,
    ...(isExact || !look.smooth ? {} : { band: { low: spread.minimum, high: spread.maximum } }),
    ...look,
  };
}

/** A quantity of epochs, in dots. `first`: what it was before any learning. */
export function epochLine(
  { epochs, unit }: Measured,
  name: EpochSeries,
  label: string,
  colour = alone,
  { first = null, scale = 1 }: { first?: number | null; scale?: number } = {},
): Line {
  const values = epochs?.series[name];
  const start = first === null ? [] : [first];
  return {
    label,
    colour,
    look: 'dots',
    x: Float64Array.from([...start.map(() => 0), ...(epochs ? placesOf(epochs, unit) : [])]),
    y: Float64Array.from([...start, ...(values ?? [])], (value) => value * scale),
  };
}

/** What a schedule will be; on an axis of time nobody knows where. */
export function plannedLine({ frame, unit }: Measured, values: ArrayLike<number> | undefined, colour = 'var(--text-2)'): Line[] {
  if (!frame || !values || unit === 'second') return [];
  const scale = unit === 'epoch' ? 1 / frame.stepsPerEpoch : 1;
  return [{ label: '', colour, look: 'planned', x: Float64Array.from(frame.schedules.steps, (step) => (step + 1) * scale), y: values }];
}

export function marksOf({ frame, steps, unit }: Measured, wanted: (label: string) => boolean): Mark[] {
  if (!frame) return [];
  return frame.marks
    .filter(({ label }) => wanted(label))
    .flatMap(({ step, label }) => {
      if (unit === 'second' && step > (steps?.lastStep ?? 0)) return [];
      const place = steps && unit === 'second' ? (steps.seconds[steps.steps.findIndex((each) => each >= step)] ?? 0) : 0;
      return [{ x: unit === 'second' ? place : unit === 'step' ? step : step / frame.stepsPerEpoch, label }];
    });
}

export const percent = (value: number): string => `${number(value, 1)}%`;
export const percentTick = (value: number, distance: number): string => `${tick(value, distance)}%`;

/** k-NN, or view retrieval where there are no labels, against what needs no learning. */
export function scoreChart(measured: Measured): { title: string; help: string; lines: Line[]; references: Reference[]; remark: string } {
  const { frame, epochs } = measured;
  const labels = frame?.labels ?? true;
  const untrained = frame?.baselines?.untrained;
  const first = (labels ? (untrained?.knn?.k20 ?? untrained?.knn?.k10) : untrained?.retrieval) ?? null;
  const name = labels ? 'knn' : 'retrieval';
  const student = labels ? 'studentKnn' : 'studentRetrieval';
  const pixels = frame?.baselines?.knnPixels ?? null;
  const held = frame ? `${number(frame.heldOutPictures)} held out` : '';
  return {
    title: labels ? 'k-NN accuracy' : 'View retrieval',
    help: labels
      ? 'How often the class of a held-out picture is that of the training pictures most like it, by the features of the teacher. No classifier is trained.'
      : 'How often another crop of the same picture is found first among all pictures, by the features of the teacher. It needs no labels.',
    lines: [
      epochLine(measured, name, 'teacher', 'var(--d4)', { first }),
      ...(epochs?.series[student] ? [epochLine(measured, student, 'student', 'var(--d1)')] : []),
    ],
    references: [
      ...(first === null ? [] : [{ y: first, label: `untrained network ${percent(first)}` }]),
      ...(labels && pixels !== null ? [{ y: pixels, label: `raw pixels ${percent(pixels)}` }] : []),
    ],
    remark: frame ? (labels && frame.neighbours !== null ? `${frame.neighbours} neighbours, ${held}` : held) : '',
  };
}
