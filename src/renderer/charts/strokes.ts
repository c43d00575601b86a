/** Lines of a chart as what is drawn: bands behind, then what was measured, then the smoothed lines. */
import uPlot from 'uplot';
import type { Line, Numbers } from './lines';
import { withoutGaps } from './lines';
import { smooth } from './smoothing';

export interface Stroke {
  line: Line;
  kind: 'high' | 'low' | 'raw' | 'main';
  x: Numbers;
  y: Numbers;
}

export function strokesOf(lines: readonly Line[], smoothing: number): Stroke[] {
  const smoothed = (line: Line) => line.smooth === true && smoothing > 0;
  const bands = lines.flatMap((line) => {
    const { x, band } = line;
    if (!band) return [];
    return [
      { line, kind: 'high' as const, x, y: band.high },
      { line, kind: 'low' as const, x, y: band.low },
    ];
  });
  // A band shows all that was measured, too.
  const raws = lines.filter((line) => smoothed(line) && !line.band).map((line) => ({ line, kind: 'raw' as const, x: line.x, y: line.y }));
  const mains = lines.map((line) => {
    if (smoothed(line)) return { line, kind: 'main' as const, x: line.x, y: smooth(line.y, smoothing) };
    return { line, kind: 'main' as const, ...(line.look === 'dots' ? withoutGaps(line.x, line.y) : { x: line.x, y: line.y }) };
  });
  return [...bands, ...raws, ...mains];
}

/** On one x axis. */
export function aligned(strokes: readonly Stroke[], log: boolean): uPlot.AlignedData {
  const drawable = (y: Numbers) => Array.from(y, (value) => (Number.isFinite(value) && (!log || value > 0) ? value : null));
  const first = strokes[0];
  if (!first) return [[]];
  const xs = (x: Numbers) => Array.from(x);
  if (strokes.every(({ x }) => x === first.x)) return [xs(first.x), ...strokes.map(({ y }) => drawable(y))];
  return uPlot.join(strokes.map(({ x, y }) => [xs(x), drawable(y)]));
}
