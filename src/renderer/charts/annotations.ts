/** What stands in a chart beside its lines: levels, moments, ends of lines, and what is out of range. */
import type uPlot from 'uplot';
import { resolved } from './colours.svelte';
import { lastFinite, type Line, type Mark, type Reference } from './lines';
import type { YRange } from './y-range';

export interface Annotations {
  references: readonly Reference[];
  marks: readonly Mark[];
  /** Lines with a word at their end. */
  lines: readonly Line[];
  range: YRange;
  /** A moment without a word. */
  moment: number | null;
  format(value: number): string;
}

const font = "11px 'Inter Variable', Inter, system-ui, sans-serif";
const gap = 6;
const lineHeight = 14;

/** Draws on the chart's canvas, after its lines. */
export function annotate(plot: uPlot, { references, marks, lines, range, moment, format }: Annotations): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const [left, right, top, bottom] = [bbox.left / ratio, (bbox.left + bbox.width) / ratio, bbox.top / ratio, (bbox.top + bbox.height) / ratio];
  const quiet = resolved('var(--text-2)');
  const x = (at: number) => plot.valToPos(at, 'x', true) / ratio;
  const y = (at: number) => plot.valToPos(at, 'y', true) / ratio;
  ctx.save();
  ctx.scale(ratio, ratio);
  ctx.font = font;
  ctx.lineWidth = 1;

  const line = (from: [number, number], to: [number, number], dash: number[], colour: string) => {
    ctx.setLineDash(dash);
    ctx.strokeStyle = colour;
    ctx.beginPath();
    ctx.moveTo(...from);
    ctx.lineTo(...to);
    ctx.stroke();
  };
  const halo = resolved('var(--bg)');
  const write = (text: string, at: number, height: number, align: CanvasTextAlign, colour: string) => {
    ctx.textAlign = align;
    ctx.textBaseline = 'middle';
    ctx.setLineDash([]);
    ctx.lineWidth = 3;
    ctx.strokeStyle = halo;
    ctx.strokeText(text, at, height);
    ctx.lineWidth = 1;
    ctx.fillStyle = colour;
    ctx.fillText(text, at, height);
  };

  /** Where words and level lines are already: what is written next goes beside them. */
  const taken: { from: number; to: number; height: number }[] = [];
  const isFree = (from: number, to: number, height: number) =>
    height > top && height < bottom && taken.every((each) => to < each.from || from > each.to || Math.abs(each.height - height) >= lineHeight - 2);
  /** Writes at the first height that is free; nowhere, if none is. */
  const writeAt = (text: string, at: number, align: 'left' | 'right', colour: string, heights: readonly number[]) => {
    const width = ctx.measureText(text).width;
    const [from, to] = align === 'left' ? [at, at + width] : [at - width, at];
    const height = heights.find((each) => isFree(from, to, each));
    if (height === undefined) return;
    write(text, at, height, align, colour);
    taken.push({ from, to, height });
  };
  const rows = Array.from({ length: 8 }, (_, row) => top + 8 + row * lineHeight);

  const outside: string[] = [];
  const inside = references.filter(({ y: level, label }) => {
    if (level >= range.low && level <= range.high) return true;
    outside.push(`${label}, ${level > range.high ? 'above' : 'below'} this range`);
    return false;
  });
  for (const { y: level } of inside) {
    const height = Math.round(y(level)) + 0.5;
    line([left, height], [right, height], [4, 3], quiet);
    taken.push({ from: left, to: right, height });
  }
  for (const { y: level, label } of inside) {
    const height = Math.round(y(level)) + 0.5;
    const beside = [1, -1, -2, 2].map((rows) => height + rows * (lineHeight - 2));
    writeAt(label, right - 2, 'right', quiet, beside);
  }
  if (range.above !== null) outside.push(`up to ${format(range.above)}, above this range`);
  if (range.below !== null) outside.push(`down to ${format(range.below)}, below this range`);
  for (const text of outside) writeAt(text, right - 2, 'right', quiet, rows);

  for (const { x: at, label, bad } of marks) {
    const place = Math.round(x(at)) + 0.5;
    if (place < left || place > right) continue;
    const colour = bad ? resolved('var(--bad)') : quiet;
    line([place, top], [place, bottom], [2, 3], colour);
    const fits = place + gap + ctx.measureText(label).width <= right;
    if (label) writeAt(label, fits ? place + gap : place - gap, fits ? 'left' : 'right', colour, rows);
  }
  if (moment !== null && x(moment) >= left && x(moment) <= right) {
    const place = Math.round(x(moment)) + 0.5;
    line([place, top], [place, bottom], [], resolved('var(--field-line)'));
  }
  for (const { x: at, y: values, end: word, colour } of lines) {
    const last = lastFinite(values);
    if (!word || last < 0) continue;
    const place = x(at[last]!);
    if (place < left || place > right) continue;
    const fits = place + gap + ctx.measureText(word).width <= right;
    const height = y(values[last]!);
    const beside = [...(fits ? [height] : []), height - lineHeight + 2, height + lineHeight - 2];
    writeAt(word, fits ? place + gap : place - gap, fits ? 'left' : 'right', resolved(colour), beside);
  }
  ctx.restore();
}
