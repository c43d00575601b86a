/** What was measured after epochs, as a table for other programs. */
import type { EpochSeries, Result } from '../../../engine/protocol';

interface Measured {
  run: string;
  epochs: Result<'monitor.epochs'> | undefined;
}

/** CSV with a row for each epoch of each run; what was not measured is empty. */
export function epochTable(runs: readonly Measured[]): string {
  const series = [...new Set(runs.flatMap(({ epochs }) => Object.keys(epochs?.series ?? {}) as EpochSeries[]))];
  const rows = runs.flatMap(({ run, epochs }) =>
    Array.from(epochs?.steps ?? [], (step, i) => {
      const measured = series.map((name) => epochs!.series[name]?.[i] ?? NaN);
      return [quoted(run), step, epochs!.epochs[i]!, epochs!.seconds[i]!, ...measured.map((value) => (Number.isFinite(value) ? value : ''))].join(',');
    }),
  );
  return `${[['run', 'step', 'epoch', 'seconds', ...series].join(','), ...rows].join('\n')}\n`;
}

const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
