/** Brightness, colours and mean pictures: from a small version of each picture, or of a fair sample of a large set. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { DecodePool } from '../decode-pool';
import { placeInside } from '../folder';
import { PictureError } from '../problems';
import type { IndexedDataset } from './dataset';
import { edgesBetween, HistogramCounter } from './histogram';
import { usedPictures } from './statistics';
import type { Thumbnails } from './thumbnails';

/** Of the mean pictures, and of the small versions that everything is measured on. */
const MEAN_WIDTH = 64;
const MEAN_HEIGHT = 48;
const VALUES = MEAN_WIDTH * MEAN_HEIGHT * 3;
/** Pictures that are looked at at most. */
const SAMPLE = 6000;
const STEPS = 64;
const IN_FLIGHT = 4;

const numbers = z.array(z.number());
const stored = z.object({
  /** Of what was measured: `measurementKey`. */
  key: z.string(),
  at: z.number(),
  /** Share of all pictures. */
  looked: z.number(),
  brightness: numbers,
  mean: z.tuple([z.number(), z.number(), z.number()]),
  spread: z.tuple([z.number(), z.number(), z.number()]),
  red: numbers,
  green: numbers,
  blue: numbers,
  /** Names of the classes in the order of the mean pictures; null: pictures without a class. */
  classes: z.array(z.string().nullable()),
});
export type Measurement = z.infer<typeof stored>;

/** Changes with the pictures that are used, their content and their classes, and with nothing else. */
export function measurementKey(dataset: IndexedDataset): string {
  const { class: classes, version } = dataset.columns;
  const hash = createHash('sha256');
  const used = usedPictures(dataset);
  for (const values of [used, used.map((id) => version[id]!), Int32Array.from(used, (id) => classes[id]!)]) hash.update(values);
  return hash.update(JSON.stringify(dataset.record.classes)).digest('hex');
}

/** The last one, of whatever key. */
export function lastMeasurement({ sql, number }: IndexedDataset): Measurement | undefined {
  const row = sql.prepare('SELECT record FROM measurement WHERE dataset = ?').get(number) as { record: string } | undefined;
  return row && stored.parse(JSON.parse(row.record));
}

/** The mean picture of a class, RGBA; undefined: not made. */
export function meanPicture(
  dataset: IndexedDataset,
  index: number,
): { width: number; height: number; rgba: Uint8Array } | undefined {
  const measured = lastMeasurement(dataset);
  const place = measured?.classes.indexOf(index < 0 ? null : (dataset.record.classes[index] ?? '')) ?? -1;
  if (place < 0) return undefined;
  const row = dataset.sql
    .prepare('SELECT substr(means, ?, ?) AS part FROM measurement WHERE dataset = ?')
    .get(1 + place * VALUES, VALUES, dataset.number) as { part: Uint8Array };
  const rgba = new Uint8Array(MEAN_WIDTH * MEAN_HEIGHT * 4).fill(255);
  for (let i = 0; i < VALUES; i++) rgba[Math.floor(i / 3) * 4 + (i % 3)] = row.part[i]!;
  return { width: MEAN_WIDTH, height: MEAN_HEIGHT, rgba };
}

/** Looks at the pictures and keeps what was measured. @throws the signal's reason */
export async function measure(
  dataset: IndexedDataset,
  context: {
    readonly pool: DecodePool;
    readonly thumbnails: Thumbnails;
    readonly signal: AbortSignal;
    report(done: number, total: number): void;
  },
): Promise<void> {
  const key = measurementKey(dataset);
  const { chosen, weights } = sampleOf(dataset);
  const sums = new Sums();
  const means = new Map<number, { sum: Float64Array; count: number }>();
  let [next, done] = [0, 0];
  const worker = async (): Promise<void> => {
    while (next < chosen.length) {
      context.signal.throwIfAborted();
      const picture = chosen[next++]!;
      const index = dataset.columns.class[picture]!;
      const pixels = await smallVersion(dataset, picture, context);
      context.report(++done, chosen.length);
      if (!pixels) continue;
      sums.add(pixels, weights.get(index)!);
      const mean = means.get(index) ?? { sum: new Float64Array(VALUES), count: 0 };
      means.set(index, mean);
      for (let i = 0; i < VALUES; i++) mean.sum[i]! += pixels[i]!;
      mean.count++;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  const classes = [...means.keys()].sort((a, b) => a - b);
  const record: Measurement = {
    key,
    at: Date.now(),
    looked: chosen.length / Math.max(1, usedPictures(dataset).length),
    ...sums.result(),
    classes: classes.map((index) => (index < 0 ? null : (dataset.record.classes[index] ?? null))),
  };
  const bytes = Buffer.concat(
    classes.map((index) =>
      Buffer.from(Uint8Array.from(means.get(index)!.sum, (sum) => Math.round(sum / means.get(index)!.count))),
    ),
  );
  dataset.sql.prepare('INSERT OR REPLACE INTO measurement VALUES (?, ?, ?)').run(dataset.number, JSON.stringify(record), bytes);
}

/** All, or about as many of each class, weighted so that together they stand for the whole set. */
function sampleOf(dataset: IndexedDataset): { chosen: Uint32Array; weights: ReadonlyMap<number, number> } {
  const { class: classes } = dataset.columns;
  const used = new Set(usedPictures(dataset));
  const chosen = dataset
    .order({ by: 'mixed' })
    .filter((picture) => used.has(picture))
    .slice(0, SAMPLE);
  const count = (pictures: Iterable<number>): Map<number, number> => {
    const counts = new Map<number, number>();
    for (const picture of pictures) counts.set(classes[picture]!, (counts.get(classes[picture]!) ?? 0) + 1);
    return counts;
  };
  const [all, taken] = [count(used), count(chosen)];
  return { chosen, weights: new Map([...taken].map(([index, here]) => [index, all.get(index)! / here])) };
}

async function smallVersion(
  dataset: IndexedDataset,
  picture: number,
  { pool, thumbnails }: { readonly pool: DecodePool; readonly thumbnails: Thumbnails },
): Promise<Uint8Array | undefined> {
  const version = dataset.columns.version[picture]!;
  const ahead = await thumbnails.ahead({ dataset: dataset.id, picture, version });
  const path = ahead ?? (await placeInside(dataset.record.folder, dataset.paths.one(picture) ?? ''));
  if (path === undefined) return undefined;
  try {
    return await pool.run({ kind: 'small', path, width: MEAN_WIDTH, height: MEAN_HEIGHT });
  } catch (error) {
    if (error instanceof PictureError) return undefined;
    throw error;
  }
}

class Sums {
  private readonly levels = [0, 1, 2].map(() => new Float64Array(256));
  private readonly brightness = new HistogramCounter(edgesBetween(0, 1, STEPS, false), false);
  private readonly weighted = new Float64Array(STEPS);

  add(pixels: Uint8Array, weight: number): void {
    let sum = 0;
    for (let i = 0; i < pixels.length; i++) {
      this.levels[i % 3]![pixels[i]!]! += weight;
      sum += pixels[i]!;
    }
    this.weighted[this.brightness.binOf(sum / pixels.length / 255)]! += weight;
  }

  result(): Pick<Measurement, 'brightness' | 'mean' | 'spread' | 'red' | 'green' | 'blue'> {
    const moments = this.levels.map((levels) => {
      const total = levels.reduce((sum, count) => sum + count, 0) || 1;
      const mean = levels.reduce((sum, count, level) => sum + count * level, 0) / total / 255;
      const variance = levels.reduce((sum, count, level) => sum + count * (level / 255 - mean) ** 2, 0) / total;
      // Four of the 256 levels to a step.
      const steps = Array.from({ length: STEPS }, (_, i) => levels.subarray(i * 4, i * 4 + 4).reduce((a, b) => a + b, 0) / total);
      return { mean, spread: Math.sqrt(variance), steps };
    });
    const [red, green, blue] = moments as [(typeof moments)[0], (typeof moments)[0], (typeof moments)[0]];
    return {
      brightness: Array.from(this.weighted, Math.round),
      mean: [red.mean, green.mean, blue.mean],
      spread: [red.spread, green.spread, blue.spread],
      red: red.steps,
      green: green.steps,
      blue: blue.steps,
    };
  }
}
