/** Numbers of a dataset as a whole. */
import {
  edgesBetween,
  lastMeasurement,
  meanPicture,
  measure,
  measurementKey,
  sizeStatistics,
  statisticsTable,
  type IndexedDataset,
} from '../data/index/index';
import type { Handlers, Result } from '../protocol';
import type { DatasetShelf } from './dataset-shelf';

/** What the original shifts colours by: means and standard deviations of ImageNet (main_ibot.py, DataAugmentationiBOT). */
const IMAGENET_MEAN: [number, number, number] = [0.485, 0.456, 0.406];
const IMAGENET_SPREAD: [number, number, number] = [0.229, 0.224, 0.225];

type StatisticsMethod = 'statistics.get' | 'statistics.meanPictures' | 'statistics.table';

export function statisticsHandlers(shelf: DatasetShelf): Handlers<StatisticsMethod> {
  return {
    'statistics.get': ({ dataset, enlargedBelow }) => statisticsOf(shelf, shelf.get(dataset), enlargedBelow),
    'statistics.meanPictures': ({ dataset: id, classes }) => {
      const dataset = shelf.get(id);
      return { pictures: classes.map((index) => ({ index, image: meanPicture(dataset, index) ?? null })) };
    },
    'statistics.table': async ({ dataset: id }) => {
      const dataset = shelf.get(id);
      return { fileName: `${dataset.record.name} statistics.csv`, text: await statisticsTable(dataset) };
    },
  };
}

function statisticsOf(shelf: DatasetShelf, dataset: IndexedDataset, enlargedBelow: number): Result<'statistics.get'> {
  const measured = lastMeasurement(dataset);
  const isReading = shelf.reading(dataset.id) !== null;
  const isStale = dataset.record.counts.pictures > 0 && measured?.key !== measurementKey(dataset);
  // While the folder is read everything changes, and measuring would begin again and again.
  if (isStale && !isReading && !shelf.isGone(dataset.id)) startMeasuring(shelf, dataset);
  return {
    revision: dataset.record.revision,
    measuredAt: measured?.at ?? Date.now(),
    task: shelf.taskOf('statistics', dataset.id),
    ...sizeStatistics(dataset, enlargedBelow),
    brightness: measured
      ? { edges: edgesBetween(0, 1, measured.brightness.length, false), counts: Uint32Array.from(measured.brightness) }
      : null,
    colour: measured
      ? {
          mean: measured.mean,
          spread: measured.spread,
          imagenetMean: IMAGENET_MEAN,
          imagenetSpread: IMAGENET_SPREAD,
          red: Float64Array.from(measured.red),
          green: Float64Array.from(measured.green),
          blue: Float64Array.from(measured.blue),
        }
      : null,
    looked: Math.min(1, measured?.looked ?? 1),
  };
}

function startMeasuring(shelf: DatasetShelf, dataset: IndexedDataset): void {
  const what = { kind: 'statistics', title: `Measuring ${dataset.record.name}`, unit: 'pictures' } as const;
  shelf.start(dataset, what, ({ signal, report }) =>
    measure(dataset, { pool: shelf.pool, thumbnails: shelf.thumbnails, signal, report }),
  );
}
