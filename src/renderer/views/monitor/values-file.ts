/** The steps that the charts show, as a table for other programs. */
import { firstAtLeast, type Range } from '../../charts/lines';
import type { Steps } from '../../curves/measured';

/**
 * Comma-separated, one line per point within the range of steps. Where a point stands for several steps, its values are their means, and
 * columns with least and greatest follow.
 */
export function valuesTable({ steps, epochs, seconds, series, stepsPerBucket }: Steps, { from, to }: Range): string {
  const names = Object.keys(series) as (keyof typeof series)[];
  const isExact = stepsPerBucket === 1;
  const columns = names.flatMap((name) => {
    const { mean, minimum, maximum } = series[name]!;
    const spread = isExact ? [] : [{ title: `${name} least`, values: minimum }, { title: `${name} greatest`, values: maximum }];
    return [{ title: name as string, values: mean }, ...spread];
  });
  const lines = [['step', 'epoch', 'seconds', ...columns.map(({ title }) => title)].join(',')];
  for (let place = firstAtLeast(steps, from); place < steps.length && steps[place]! <= to; place++) {
    // As many digits as 32 bits hold.
    const amounts = columns.map(({ values }) => (Number.isFinite(values[place]) ? Number(values[place]!.toPrecision(7)) : ''));
    lines.push([steps[place], Number(epochs[place]!.toFixed(4)), Number(seconds[place]!.toFixed(3)), ...amounts].join(','));
  }
  return `${lines.join('\n')}\n`;
}
