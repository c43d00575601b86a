/** uPlot, set up as the program's charts look. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { faint, resolved } from './colours.svelte';
import type { Range } from './lines';
import type { Stroke } from './strokes';
import { tick, xTick, type XUnit } from './words';
import { logSplits } from './y-range';

export interface PlotSetting {
  width: number;
  height: number;
  log: boolean;
  strokes: readonly Stroke[];
  unit: XUnit;
  /** Words under the x axis. */
  xLabels: boolean;
  xRange(): Range;
  yRange(): { low: number; high: number };
  drawn(plot: uPlot): void;
  /** Where the pointer is, on the x axis; null: gone. */
  pointed(x: number | null): void;
  zoomed(range: Range | null): void;
  /** Ticks of the y axis in a form of its own. */
  yTick: ((amount: number, distance: number) => string) | undefined;
}

const font = "11px 'Inter Variable', Inter, system-ui, sans-serif";
const widths = { main: 2, line: 1.5, dots: 1.5, planned: 1 };
const bandShare = 0.16;
/** Nearer to each other than this, dots would be no more than a thick line. */
const dotSpace = 9;
const characterWidth = 6.4;
const rawShare = () => Number(resolved('var(--raw)')) || 0.3;

export function makePlot(host: HTMLElement, data: uPlot.AlignedData, setting: PlotSetting): uPlot {
  const { strokes, log, unit } = setting;
  const axis = { stroke: () => resolved('var(--text-2)'), font, ticks: { show: false } };
  return new uPlot(
    {
      width: setting.width,
      height: setting.height,
      padding: [8, () => roomForLastLabel(setting), setting.xLabels ? 0 : 8, 0],
      legend: { show: false },
      cursor: {
        x: false,
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: { dblclick: () => () => (setting.zoomed(null), null) },
      },
      scales: {
        x: { time: false, range: () => [setting.xRange().from, setting.xRange().to] },
        y: { distr: log ? 3 : 1, range: () => [setting.yRange().low, setting.yRange().high] },
      },
      axes: [
        {
          ...axis,
          show: setting.xLabels,
          size: 22,
          gap: 6,
          space: unit === 'second' ? 90 : 60,
          grid: { show: false },
          ...(unit === 'second' ? { incrs: timeSteps } : {}),
          values: (_plot, splits, _axis, _space, distance) => splits.map((x) => xTick(x, unit, distance)),
        },
        {
          ...axis,
          gap: 8,
          space: 34,
          size: (_plot, texts) => 16 + characterWidth * Math.max(3, ...(texts ?? []).map((text) => text.length)),
          grid: { stroke: () => resolved('var(--grid)'), width: 1 },
          values: (_plot, splits, _axis, _space, distance) =>
            splits.map((y, i) => (setting.yTick ?? tick)(y, log ? (splits[i + 1] ?? y * 2) - y : distance)),
          ...(log ? { splits: () => logSplits(setting.yRange()), filter: (_plot: uPlot, splits: number[]) => splits } : {}),
        },
      ],
      series: [{}, ...strokes.map(seriesOf)],
      bands: strokes.flatMap(({ kind, line }, place) =>
        kind === 'high' ? [{ series: [place + 1, place + 2] as [number, number], fill: () => faint(line.colour, bandShare) }] : [],
      ),
      hooks: {
        draw: [(plot) => setting.drawn(plot)],
        setCursor: [(plot) => setting.pointed((plot.cursor.left ?? -1) < 0 ? null : plot.posToVal(plot.cursor.left!, 'x'))],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width <= 0) return;
            const range = { from: plot.posToVal(left, 'x'), to: plot.posToVal(left + width, 'x') };
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            setting.zoomed(range);
          },
        ],
      },
    },
    data,
    host,
  );
}

/** Labels stand in the middle below their tick, and the last tick may be at the end. */
function roomForLastLabel({ xLabels, xRange, unit }: PlotSetting): number {
  const last = xLabels ? xTick(Math.round(xRange().to), unit, 1) : '';
  return Math.max(16, (characterWidth * last.length) / 2 + 2);
}

const timeSteps = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000, 2_592_000];

function seriesOf({ line, kind, y }: Stroke): uPlot.Series {
  const { colour, look = 'line' } = line;
  if (kind === 'high' || kind === 'low') return { stroke: 'transparent', width: 0, points: { show: false } };
  if (kind === 'raw') return { stroke: () => faint(colour, rawShare()), width: 1, points: { show: false } };
  return {
    stroke: () => resolved(colour),
    width: widths[look],
    spanGaps: look === 'dots',
    ...(look === 'planned' ? { dash: [2, 3] } : {}),
    // One point alone would not be seen as a line.
    points: {
      show: (plot, _series, from, to) => y.length === 1 || (look === 'dots' && (to - from) * dotSpace <= plot.bbox.width / devicePixelRatio),
      size: 5,
      width: 0,
      fill: () => resolved(colour),
    },
  };
}
