/**
 * What is measured after an epoch on the held-out pictures: weighted k-NN against the training pictures, view retrieval,
 * effective rank. It has plans of its own and only reads the parameters, so it cannot change what is learned.
 */
import { PictureError, picturePath, splitIndices, type CropOptions, type DecodePool, type Manifest, type Problem } from '../data';
import type { Gpu } from '../gpu';
import type { VariantTable } from '../graph';
import { PIXEL_MEAN, PIXEL_STD } from '../ibot';
import type { ParameterSet, VitConfig } from '../nn';
import { Purpose, Random } from '../random';
import { centredPixels, PIXEL_BASELINE_SIZE } from './baselines';
import { featureBatches, FeatureExtractor } from './features';
import { weightedKnn } from './knn';
import { effectiveRank } from './rank';
import { viewRetrieval } from './retrieval';
import { drawView } from './views';

/** Numbers of neighbours, as the original's. */
const NEIGHBOURS = [10, 20, 100, 200] as const;
/** Larger sets are measured on a fixed, evenly spread part of them. */
const MOST_HELD_OUT_PICTURES = 5000;
const MOST_TRAINING_PICTURES = 10_000;
/** Where the processor computes. */
const MOST_TRAINING_PICTURES_SOFTWARE = 4000;
const MOST_VIEWS = 1000;
const MOST_RANK_ROWS = 2000;
const BATCH = 32;
/** Decoded squares are kept for the next epoch as far as this goes. */
const CACHE_BYTES = 256 << 20;

/** Percent by number of neighbours; null where that exceeds the training pictures. */
export interface KnnScores {
  k10: number | null;
  k20: number | null;
  k100: number | null;
  k200: number | null;
}

/** What is measured of one network. */
export interface NetworkScores {
  /** Null without labels, or without held-out pictures that have one. */
  knn: KnnScores | null;
  /** Percent of drawn crops that find the other crop of their picture; null without held-out pictures. */
  retrieval: number | null;
  /** Effective rank of the features of the held-out pictures (of training pictures where none are held out). */
  rank: number | null;
}

export interface EpochEvaluatorOptions {
  gpu: Gpu;
  manifest: Manifest;
  model: VitConfig;
  crops: CropOptions;
  seed: number;
  /** Kernel choices to go by; nothing is measured and nothing added. */
  table: VariantTable;
  /** Decodes the pictures; stays open. */
  pool: DecodePool;
  /** Most pictures to measure with, in place of the numbers above. */
  most?: { readonly training: number; readonly heldOut: number };
}

export interface EvaluationProgress {
  (done: number, total: number): void;
}

interface Labelled {
  rows: Float32Array;
  labels: Int32Array;
}

export class EpochEvaluator {
  private readonly train: Uint32Array;
  private readonly heldOut: Uint32Array;
  private readonly cache = new Map<string, Uint8Array | undefined>();
  private room = CACHE_BYTES;
  /** By path. */
  private readonly failed = new Map<string, Problem>();
  /** What part of the pictures is measured with, in a sentence; undefined where it is all. */
  readonly coverage: string | undefined;

  constructor(private readonly options: EpochEvaluatorOptions) {
    const { gpu, manifest } = options;
    const most = options.most ?? {
      training: gpu.info.software ? MOST_TRAINING_PICTURES_SOFTWARE : MOST_TRAINING_PICTURES,
      heldOut: MOST_HELD_OUT_PICTURES,
    };
    const training = splitIndices(manifest, 'train');
    const heldOut = splitIndices(manifest, 'held-out');
    this.train = spreadOver(training, most.training);
    this.heldOut = spreadOver(heldOut, most.heldOut);
    if (this.train.length < training.length || this.heldOut.length < heldOut.length) {
      this.coverage =
        `Measured on ${this.heldOut.length} of ${heldOut.length} held-out pictures, ` +
        `by ${this.train.length} of ${training.length} training pictures: the same ones each time, evenly spread.`;
    }
  }

  /** Held-out pictures that could not be read, each once. The others are met in training. */
  get problems(): readonly Problem[] {
    return [...this.failed.values()];
  }

  get hasLabels(): boolean {
    return this.options.manifest.classes.length > 0;
  }

  /** Features [rows, dimension] of a network whose backbone's names begin with 'backbone.'. */
  async measure(parameters: ParameterSet, progress?: EvaluationProgress, signal?: AbortSignal): Promise<NetworkScores> {
    const { gpu, model, table } = this.options;
    const size = model.imgSize;
    const extractor = await FeatureExtractor.create(
      gpu,
      parameters,
      model,
      { size, batch: BATCH, prefix: 'backbone.', mean: PIXEL_MEAN, std: PIXEL_STD },
      new Map(table),
    );
    try {
      const viewed = spreadOver(this.heldOut, MOST_VIEWS);
      const compares = this.hasLabels && this.heldOut.length > 0;
      // Without held-out pictures the rank is that of training pictures.
      const looked = this.heldOut.length > 0 ? this.heldOut : spreadOver(this.train, MOST_RANK_ROWS);
      const total = looked.length + (compares ? this.train.length : 0) + 2 * viewed.length;
      let before = 0;
      const extract = async (indices: Uint32Array, read: (index: number) => Promise<Uint8Array | undefined>): Promise<Found> => {
        const found = await this.features(extractor, indices, read, (done) => progress?.(before + done, total), signal);
        before += indices.length;
        return found;
      };
      const heldOut = await extract(looked, (index) => this.square(index));
      const bank = compares ? await extract(this.train, (index) => this.square(index)) : undefined;
      const first = await extract(viewed, (index) => this.view(index, 0));
      const second = await extract(viewed, (index) => this.view(index, 1));
      const dimension = model.embedDim;
      const rankRows = spreadOver(Uint32Array.from(heldOut.indices.keys()), MOST_RANK_ROWS);
      return {
        knn: bank ? await this.knn(this.labelled(bank, dimension), this.labelled(heldOut, dimension), dimension, signal) : null,
        retrieval: await viewRetrieval(first.rows, second.rows, dimension, signal),
        rank: rankRows.length > 0 ? await effectiveRank(rowsOf(heldOut.rows, rankRows, dimension), dimension) : null,
      };
    } finally {
      extractor.destroy();
    }
  }

  /** k-NN on raw pixels; null without labels or held-out pictures. */
  async measurePixels(signal?: AbortSignal): Promise<KnnScores | null> {
    if (!this.hasLabels || this.heldOut.length === 0) return null;
    const read = async (indices: Uint32Array): Promise<{ pictures: Uint8Array[]; indices: number[] }> => {
      const result = { pictures: [] as Uint8Array[], indices: [] as number[] };
      for (let start = 0; start < indices.length; start += 4 * BATCH) {
        signal?.throwIfAborted();
        const part = [...indices.subarray(start, start + 4 * BATCH)].filter((index) => this.labelOf(index) >= 0);
        const squares = await Promise.all(part.map((index) => this.decoded(index, 'thumbnail', PIXEL_BASELINE_SIZE)));
        squares.forEach((square, i) => {
          if (!square) return;
          result.pictures.push(square);
          result.indices.push(part[i]!);
        });
      }
      return result;
    };
    const train = await read(this.train);
    const test = await read(this.heldOut);
    const pixels = centredPixels(train.pictures, test.pictures);
    const labels = (indices: readonly number[]): Int32Array => Int32Array.from(indices, (index) => this.labelOf(index));
    return this.knn(
      { rows: pixels.train, labels: labels(train.indices) },
      { rows: pixels.test, labels: labels(test.indices) },
      pixels.dimension,
      signal,
    );
  }

  private labelOf(index: number): number {
    return this.options.manifest.pictures[index]!.label;
  }

  private async knn(train: Labelled, test: Labelled, dimension: number, signal?: AbortSignal): Promise<KnnScores | null> {
    if (test.labels.length === 0) return null;
    const [k10, k20, k100, k200] = await weightedKnn({
      train: train.rows,
      trainLabels: train.labels,
      test: test.rows,
      testLabels: test.labels,
      dimension,
      k: NEIGHBOURS,
      ...(signal && { signal }),
    });
    const percent = (result: typeof k10): number | null => result?.top1 ?? null;
    return { k10: percent(k10), k20: percent(k20), k100: percent(k100), k200: percent(k200) };
  }

  /** The rows of pictures that have a label. */
  private labelled({ rows, indices }: Found, dimension: number): Labelled {
    const kept = indices.flatMap((index, row) => (this.labelOf(index) >= 0 ? [row] : []));
    return {
      rows: kept.length === indices.length ? rows : rowsOf(rows, kept, dimension),
      labels: Int32Array.from(kept, (row) => this.labelOf(indices[row]!)),
    };
  }

  private async features(
    extractor: FeatureExtractor,
    indices: Uint32Array,
    read: (index: number) => Promise<Uint8Array | undefined>,
    progress: (done: number) => void,
    signal?: AbortSignal,
  ): Promise<Found> {
    const dimension = this.options.model.embedDim;
    const rows = new Float32Array(indices.length * dimension);
    const kept: number[] = [];
    for await (const { cls, indices: found } of featureBatches(extractor, indices, read, progress, signal)) {
      rows.set(cls, kept.length * dimension);
      kept.push(...found);
    }
    return { rows: rows.subarray(0, kept.length * dimension), indices: kept };
  }

  private square(index: number): Promise<Uint8Array | undefined> {
    return this.decoded(index, 'evaluation', this.options.model.imgSize);
  }

  /** Undefined for a picture that cannot be read, which is left out. */
  private decoded(index: number, kind: 'evaluation' | 'thumbnail', size: number): Promise<Uint8Array | undefined> {
    const { manifest } = this.options;
    const path = picturePath(manifest, manifest.pictures[index]!);
    return this.kept(kind, index, () => this.options.pool.run({ kind, path, size }));
  }

  /** A crop of the picture, the same in every epoch. */
  private view(index: number, which: number): Promise<Uint8Array | undefined> {
    const { manifest, crops, seed, model } = this.options;
    const entry = manifest.pictures[index]!;
    return this.kept(`view ${which}`, index, async () => {
      const job = { kind: 'crops', path: picturePath(manifest, entry), expectedSize: entry.size } as const;
      const picture = await this.options.pool.run({ ...job, maxPixels: 1 << 21, options: crops, seed, epoch: 0, pictureIndex: index });
      return drawView(picture, crops.global_crops_scale, model.imgSize, new Random(seed, Purpose.retrieval, which, index));
    });
  }

  private async kept(what: string, index: number, make: () => Promise<Uint8Array>): Promise<Uint8Array | undefined> {
    const key = `${what} ${index}`;
    if (this.cache.has(key)) return this.cache.get(key);
    let made: Uint8Array | undefined;
    try {
      made = await make();
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      const { path, split } = this.options.manifest.pictures[index]!;
      if (split === 'held-out') this.failed.set(path, { path, reason: error.reason });
    }
    if ((made?.length ?? 0) <= this.room) {
      this.room -= made?.length ?? 0;
      this.cache.set(key, made);
    }
    return made;
  }
}

interface Found {
  /** [indices.length, dimension] */
  rows: Float32Array;
  /** The pictures that could be read, by their places in the manifest. */
  indices: number[];
}

/** At most `most` entries, evenly spread. */
function spreadOver(indices: Uint32Array, most: number): Uint32Array {
  if (indices.length <= most) return indices;
  return Uint32Array.from({ length: most }, (_, i) => indices[Math.floor((i * indices.length) / most)]!);
}

function rowsOf(rows: Float32Array, which: ArrayLike<number>, dimension: number): Float32Array {
  const out = new Float32Array(which.length * dimension);
  for (let i = 0; i < which.length; i++) {
    out.set(rows.subarray(which[i]! * dimension, (which[i]! + 1) * dimension), i * dimension);
  }
  return out;
}
