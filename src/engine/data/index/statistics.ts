/** A dataset as a whole, from its columns: sizes, classes by split, and what to think of them. */
import { Flag, isUsed } from './columns';
import type { IndexedDataset } from './dataset';
import { aspectHistogram, edgesBetween, HistogramCounter, logHistogram, type Histogram } from './histogram';
import { csvField } from './problem-list';

export interface Advice {
  code: 'few-held-out' | 'uneven-classes' | 'small-pictures' | 'few-pictures';
  title: string;
  message: string;
  holdOutEach: number | null;
}

export interface ClassCounts {
  index: number;
  training: number;
  heldOut: number;
}

export interface SizeStatistics {
  pictures: number;
  bytes: number;
  advice: Advice[];
  classes: ClassCounts[];
  sizes: { widthEdges: Float64Array; heightEdges: Float64Array; counts: Uint32Array };
  enlarged: number;
  aspect: Histogram;
  extremeAspects: number;
  bytesHistogram: Histogram;
  medianBytes: number;
}

const COLUMNS = 48;
const ROWS = 32;
const BINS = 64;

/** @param enlargedBelow the side in pixels under which a picture counts as enlarged */
export function sizeStatistics(dataset: IndexedDataset, enlargedBelow: number): SizeStatistics {
  const { width, height, size, flags } = dataset.columns;
  const used = usedPictures(dataset);
  const valuesOf = (value: (picture: number) => number): Float64Array => Float64Array.from(used, value);
  const sizes = valuesOf((i) => size[i]!);
  let [enlarged, extreme] = [0, 0];
  for (const i of used) {
    if (Math.min(width[i]!, height[i]!) < enlargedBelow) enlarged++;
    const ratio = width[i]! / height[i]!;
    if (ratio > 2 || ratio < 0.5) extreme++;
  }
  const sorted = sizes.slice().sort();
  const classes = classCounts(dataset, used, flags);
  return {
    pictures: used.length,
    bytes: sizes.reduce((sum, each) => sum + each, 0),
    advice: adviceOn(dataset, classes, used.length, enlarged, enlargedBelow),
    classes,
    sizes: sizeGrid(used, width, height),
    enlarged,
    aspect: aspectHistogram(
      valuesOf((i) => width[i]! / height[i]!),
      BINS,
    ),
    extremeAspects: extreme,
    bytesHistogram: logHistogram(sizes, BINS),
    medianBytes: sorted.length === 0 ? 0 : (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2,
  };
}

export function usedPictures(dataset: IndexedDataset): Uint32Array {
  return dataset.once('used ', () => {
    const { flags } = dataset.columns;
    return dataset.order({ by: 'path' }).filter((picture) => isUsed(flags[picture]!));
  });
}

function classCounts(dataset: IndexedDataset, used: Uint32Array, flags: Uint32Array): ClassCounts[] {
  const counts = new Map<number, ClassCounts>();
  for (const picture of used) {
    const index = dataset.columns.class[picture]!;
    const known = counts.get(index) ?? { index, training: 0, heldOut: 0 };
    counts.set(index, known);
    if (flags[picture]! & Flag.heldOut) known.heldOut++;
    else known.training++;
  }
  const all = ({ training, heldOut }: ClassCounts): number => training + heldOut;
  return [...counts.values()].sort((a, b) => all(b) - all(a) || a.index - b.index);
}

/** Both sides in equal steps of the logarithm, of about the same size, rows from the smallest height. */
function sizeGrid(used: Uint32Array, width: Uint32Array, height: Uint32Array): SizeStatistics['sizes'] {
  const across = edgeCounter(used, width, COLUMNS);
  const up = edgeCounter(used, height, ROWS);
  const counts = new Uint32Array(COLUMNS * ROWS);
  for (const i of used) counts[up.binOf(height[i]!) * COLUMNS + across.binOf(width[i]!)]!++;
  return { widthEdges: across.edges, heightEdges: up.edges, counts };
}

function edgeCounter(used: Uint32Array, values: Uint32Array, bins: number): HistogramCounter {
  let [least, most] = [Infinity, 0];
  for (const i of used) {
    least = Math.min(least, values[i]!);
    most = Math.max(most, values[i]!);
  }
  const from = Math.max(1, used.length === 0 ? 32 : least);
  return new HistogramCounter(edgesBetween(from, Math.max(most, 2 * from), bins, true), true);
}

/** With so many held out, accuracy of a class is told to about ± 10 points. */
const ENOUGH_HELD_OUT = 100;

function adviceOn(
  { record }: IndexedDataset,
  classes: readonly ClassCounts[],
  pictures: number,
  enlarged: number,
  enlargedBelow: number,
): Advice[] {
  const advice: Advice[] = [];
  const named = classes.filter(({ index }) => index >= 0);
  const all = ({ training, heldOut }: ClassCounts): number => training + heldOut;
  const name = (counts: ClassCounts): string => record.classes[counts.index] ?? '';
  const least = [...named].sort((a, b) => a.heldOut - b.heldOut)[0];
  if (least && named.length > 1 && least.heldOut < 50) {
    // Half the width of the 95% interval at an accuracy of one half to seven tenths: 1.96 √(p (1 − p) / n).
    const points = least.heldOut === 0 ? null : Math.round(196 * Math.sqrt(0.25 / least.heldOut));
    const message =
      points === null
        ? 'Nothing can be said about how well it is told.'
        : `Its accuracy cannot be told closer than ± ${points} points.`;
    const each = Math.min(ENOUGH_HELD_OUT, Math.floor(Math.max(...named.map(all)) / 2));
    const title = `${capital(name(least))} has ${least.heldOut === 1 ? 'one held-out picture' : `${least.heldOut} held-out pictures`}.`;
    advice.push({ code: 'few-held-out', title, message, holdOutEach: each > least.heldOut ? each : null });
  }
  const [largest, smallest] = [named[0], named.at(-1)];
  if (largest && smallest && all(largest) > 5 * all(smallest)) {
    const times = (all(largest) / all(smallest)).toFixed(1);
    const title = `${capital(name(largest))} is ${times} times as large as ${name(smallest)}.`;
    const message = 'Pretraining takes no notice of classes, but sees the rare one seldom.';
    advice.push({ code: 'uneven-classes', title, message, holdOutEach: null });
  }
  if (pictures > 0 && enlarged > pictures / 4) {
    const title = `${Math.round((100 * enlarged) / pictures)}% of the pictures have a side under ${enlargedBelow} px.`;
    advice.push({
      code: 'small-pictures',
      title,
      message: 'They are enlarged before they are cropped: a smaller crop size trains faster and shows as much.',
      holdOutEach: null,
    });
  }
  if (pictures > 0 && pictures < 500) {
    const title = `There are ${pictures} pictures.`;
    advice.push({
      code: 'few-pictures',
      title,
      message: 'A network learns little from so few: a thousand and more are better.',
      holdOutEach: null,
    });
  }
  return advice;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Classes by split, then every picture's measures, as CSV in two parts. */
export async function statisticsTable(dataset: IndexedDataset): Promise<string> {
  const { record, columns } = dataset;
  const used = usedPictures(dataset);
  const named = (index: number): string => record.classes[index] ?? '';
  const lines = ['class,training,held out'];
  for (const { index, training, heldOut } of classCounts(dataset, used, columns.flags)) {
    lines.push([named(index), training, heldOut].map(csvField).join(','));
  }
  lines.push('', 'path,class,split,width,height,bytes');
  const paths = await dataset.paths.all(dataset.length);
  for (const i of used) {
    const side = columns.flags[i]! & Flag.heldOut ? 'held-out' : 'train';
    lines.push(
      [paths[i]!, named(columns.class[i]!), side, columns.width[i]!, columns.height[i]!, columns.size[i]!]
        .map(csvField)
        .join(','),
    );
  }
  return `${lines.join('\r\n')}\r\n`;
}
