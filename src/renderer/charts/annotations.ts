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

  const outside: string[] = [];
  for (const { y: level, label } of references) {
    if (level > range.high) outside.push(`${label}, above this range`);
    else if (level < range.low) outside.push(`${label}, below this range`);
    else {
      const height = Math.round(y(level)) + 0.5;
      line([left, height], [right, height], [4, 3], quiet);
      if (label) write(label, right - 2, height + (height > bottom - lineHeight ? -8 : 9), 'right', quiet);
    }
  }
  if (range.above !== null) outside.push(`up to ${format(range.above)}, above this range`);
  if (range.below !== null) outside.push(`down to ${format(range.below)}, below this range`);
  for (const [place, text] of outside.entries()) write(text, right - 2, top + 8 + place * lineHeight, 'right', quiet);

  // Words of moments step down where they would lie over each other.
  let [end, row] = [-Infinity, 0];
  for (const { x: at, label, bad } of marks) {
    const place = Math.round(x(at)) + 0.5;
    if (place < left || place > right) continue;
    const colour = bad ? resolved('var(--bad)') : quiet;
    line([place, top], [place, bottom], [2, 3], colour);
    const width = ctx.measureText(label).width;
    const turned = place + gap + width > right;
    row = place < end ? row + 1 : 0;
    const height = top + (outside.length + 0.6 + row) * lineHeight;
    if (label && height < bottom) write(label, turned ? place - gap : place + gap, height, turned ? 'right' : 'left', colour);
    end = Math.max(end, place + gap + width);
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
    const width = ctx.measureText(word).width;
    const fits = place + gap + width <= right;
    write(word, fits ? place + gap : place - gap, y(values[last]!) + (fits ? 0 : -10), fits ? 'left' : 'right', resolved(colour));
  }
  ctx.restore();
}
