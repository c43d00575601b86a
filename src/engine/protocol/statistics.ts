/** What a dataset looks like as a whole: numbers of the Statistics tab. */
import { z } from 'zod';
import {
  bytes,
  classIndex,
  count,
  datasetId,
  float64Array,
  histogram,
  image,
  share,
  taskId,
  textFile,
  time,
  uint32Array,
} from './values';

const advice = z.object({
  code: z.enum(['few-held-out', 'uneven-classes', 'small-pictures', 'few-pictures']),
  /** Bold first sentence, and what it means. */
  title: z.string(),
  message: z.string(),
  /** What the button does: `datasets.setHoldOut` with so many of each class; null: nothing to press. */
  holdOutEach: count.nullable(),
});

/** Red, green, blue, 0 … 1. */
const rgb = z.tuple([z.number(), z.number(), z.number()]);

export const statisticsMethods = {
  /**
   * Counts and sizes at once. Brightness, colour and mean pictures need a look at the thumbnails: null until they are made, then
   * `task` is going on; ask again when it is done. `enlargedBelow`: pixels, the side under which a picture counts as enlarged.
   * Errors: not-found.
   */
  'statistics.get': {
    params: z.strictObject({ dataset: datasetId, enlargedBelow: z.number().int().min(1).max(8192) }),
    result: z.object({
      revision: count,
      measuredAt: time,
      task: taskId.nullable(),
      pictures: count,
      bytes: bytes,
      advice: z.array(advice),
      /** Most first; −1: no class. */
      classes: z.array(z.object({ index: classIndex, training: count, heldOut: count })),
      /**
       * Width across, height up, both in equal steps of the logarithm: `counts[row × columns + column]`, rows from the smallest
       * height.
       */
      sizes: z.object({ widthEdges: float64Array(), heightEdges: float64Array(), counts: uint32Array() }),
      enlarged: count,
      /** Of log(width / height), from 1:4 to 4:1. */
      aspect: histogram,
      /** Outside 1:2 … 2:1. */
      extremeAspects: count,
      bytesHistogram: histogram,
      medianBytes: bytes,
      /** Mean of each picture, 0 … 1. */
      brightness: histogram.nullable(),
      colour: z
        .object({
          mean: rgb,
          /** Standard deviation. */
          spread: rgb,
          /** What the original shifts colours by. */
          imagenetMean: rgb,
          imagenetSpread: rgb,
          /** Shares of values in 64 equal steps from 0 to 1, each summing to 1. */
          red: float64Array(),
          green: float64Array(),
          blue: float64Array(),
        })
        .nullable(),
      /** Of all pictures that were looked at; 1 unless the set is very large. */
      looked: share,
    }),
  },
  /** The mean picture of some classes (−1: without), in small, 4:3; null for those not made yet. Errors: not-found. */
  'statistics.meanPictures': {
    params: z.strictObject({ dataset: datasetId, classes: z.array(classIndex).max(100) }),
    result: z.object({ pictures: z.array(z.object({ index: classIndex, image: image.nullable() })) }),
  },
  /** Classes by split and all pictures' measures as CSV. Errors: not-found. */
  'statistics.table': { params: z.strictObject({ dataset: datasetId }), result: textFile },
};
