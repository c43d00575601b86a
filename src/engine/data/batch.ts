/**
 * Batches for training, made ahead of time: pixels and crop records in the device's form. A batch depends on the
 * manifest, the files, the seed, the epoch and the step, and on nothing else: not on the number of threads, not on the
 * step where the run was taken up.
 */
import { UserError } from '../errors';
import { drawCrops, encodeCrops, type Crop, type CropOptions, type PlacedPicture } from './crops';
import { fitPixels } from './decode';
import { REUSABLE_PIXELS, type PackedPicture } from './decode-job';
import { DecodePool } from './decode-pool';
import { splitIndices, type Manifest } from './manifest';
import { epochOrder } from './order';
import { PictureSource } from './picture-source';
import { problemsText, type Problem } from './problems';
import { resample } from './resample';

export interface BatchLoaderOptions {
  readonly manifest: Manifest;
  readonly crops: CropOptions;
  readonly seed: number;
  /** Pictures per batch; at most the number of training pictures. */
  readonly batchSize: number;
  /** Decoding threads; 0 decodes in the calling thread. */
  readonly workers?: number;
  readonly workerEntry?: URL;
  /** Larger pictures are not decoded. */
  readonly pixelCap?: number;
  /** A batch's pixels (4 bytes each) fit one buffer: above it, its largest pictures are made smaller. Default 2²⁵. */
  readonly maxPixelsPerBatch?: number;
  /** Memory for small pictures that are kept decoded. Default 1 GiB. */
  readonly cacheBytes?: number;
  /** Batches made ahead. Default 2. */
  readonly prefetch?: number;
  /** Go on when more than a tenth of the pictures cannot be read. */
  readonly allowBad?: boolean;
}

export interface Batch {
  /** r | g << 8 | b << 16, picture after picture. */
  readonly pixels: Uint32Array<ArrayBuffer>;
  /** `encodeCrops`, crop-major: global crop 0 of every picture, then global crop 1, … */
  readonly globalCrops: Uint32Array<ArrayBuffer>;
  readonly localCrops: Uint32Array<ArrayBuffer>;
  /** Class of each picture, −1 for none. */
  readonly labels: Int32Array<ArrayBuffer>;
  /** Place of each picture in the manifest. */
  readonly indices: Uint32Array<ArrayBuffer>;
  /** How many pictures stand in for unreadable ones. */
  readonly replaced: number;
}

interface Loaded {
  readonly index: number;
  readonly picture: PackedPicture;
}

/** A single picture needs no more, unless it is very long and thin: its crops' results are much smaller. */
const ENOUGH_PIXELS = 1 << 21;

export class BatchLoader {
  readonly stepsPerEpoch: number;
  private readonly training: Uint32Array;
  private readonly pool: DecodePool;
  private readonly source: PictureSource;
  private readonly ready = new Map<string, Promise<Batch>>();
  private readonly orders = new Map<number, Uint32Array>();
  private readonly maxPixels: number;

  /** @throws UserError when there are fewer training pictures than a batch holds. */
  constructor(private readonly options: BatchLoaderOptions) {
    const { manifest, batchSize } = options;
    this.training = splitIndices(manifest, 'train');
    if (batchSize > this.training.length) {
      throw new UserError(
        `A batch of ${batchSize} pictures needs as many to train on, and there are ${this.training.length}: lower batch_size.`,
      );
    }
    this.stepsPerEpoch = Math.floor(this.training.length / batchSize);
    this.maxPixels = options.maxPixelsPerBatch ?? 1 << 25;
    this.pool = new DecodePool(options);
    const maxPixels = Math.min(this.maxPixels, Math.max(ENOUGH_PIXELS, REUSABLE_PIXELS, this.maxPixels / batchSize));
    const { cacheBytes = 1 << 30, allowBad = false } = options;
    this.source = new PictureSource({ ...options, cacheBytes, allowBad, maxPixels }, this.pool);
  }

  /** Pictures that could not be read so far, each once. */
  get problems(): readonly Problem[] {
    return this.source.problems.list();
  }

  /** The same as JSON lines, for the run folder. */
  problemsText(): string {
    return problemsText(this.problems);
  }

  /**
   * The batch of a step, 0 ≤ step < `stepsPerEpoch`; starts making the next ones.
   * @throws UserError when more than a tenth of the pictures tried cannot be read (unless allowed), or none can.
   */
  batch(epoch: number, step: number): Promise<Batch> {
    if (!(step >= 0 && step < this.stepsPerEpoch)) {
      return Promise.reject(new RangeError(`There is no step ${step} in an epoch of ${this.stepsPerEpoch}.`));
    }
    const wanted = new Set<string>();
    const batch = this.start(epoch, step, wanted);
    const ahead = this.options.prefetch ?? 2;
    for (let i = 0, at = { epoch, step }; i < ahead; i++) {
      at = at.step + 1 < this.stepsPerEpoch ? { epoch: at.epoch, step: at.step + 1 } : { epoch: at.epoch + 1, step: 0 };
      this.start(at.epoch, at.step, wanted);
    }
    for (const key of this.ready.keys()) if (!wanted.has(key)) this.ready.delete(key);
    for (const key of this.orders.keys()) if (key < epoch || key > epoch + ahead) this.orders.delete(key);
    return batch;
  }

  /** Stops the threads; batches under way are rejected. */
  async close(): Promise<void> {
    this.ready.clear();
    await this.pool.close();
  }

  private start(epoch: number, step: number, wanted: Set<string>): Promise<Batch> {
    const key = `${epoch}:${step}`;
    wanted.add(key);
    const started = this.ready.get(key);
    if (started) return started;
    const batch = this.load(epoch, step);
    // A batch made ahead may fail before anybody waits for it; whoever asks for it gets the error.
    batch.catch(() => undefined);
    this.ready.set(key, batch);
    return batch;
  }

  private order(epoch: number): Uint32Array {
    const known = this.orders.get(epoch);
    if (known) return known;
    const order = epochOrder(this.options.seed, epoch, this.training.length);
    this.orders.set(epoch, order);
    return order;
  }

  private async load(epoch: number, step: number): Promise<Batch> {
    const order = this.order(epoch);
    const { batchSize } = this.options;
    const first = step * batchSize;
    const at = (position: number): number => this.training[order[position % order.length]!]!;
    const load = async (index: number): Promise<Loaded | undefined> => {
      const picture = await this.source.picture(index, epoch);
      return picture && { index, picture };
    };
    const slots = await Promise.all(Array.from({ length: batchSize }, (_, i) => load(at(first + i))));
    // Stand-ins come from behind the batch, one after the other, so that they do not depend on earlier steps.
    let next = first + batchSize;
    const loaded: Loaded[] = [];
    let replaced = 0;
    for (let slot of slots) {
      if (!slot) replaced++;
      while (!slot) {
        this.source.checkFailures(order.length);
        // Once round: all failed, or an earlier slot would have found one.
        if (next === first + batchSize + order.length && loaded.length === 0) {
          throw new UserError('None of the training pictures can be read.');
        }
        slot = await load(at(next++));
      }
      loaded.push(slot);
    }
    this.source.checkFailures(order.length);
    return this.compose(epoch, loaded, replaced);
  }

  private compose(epoch: number, loaded: readonly Loaded[], replaced: number): Batch {
    const { crops: options, seed, manifest } = this.options;
    const pictures = fitBatch(
      loaded.map(({ picture }) => picture),
      this.maxPixels,
    );
    const placed: PlacedPicture[] = [];
    let length = 0;
    for (const picture of pictures) {
      placed.push({ ...picture, offset: length });
      length += picture.words.length;
    }
    const pixels = new Uint32Array(length);
    pictures.forEach(({ words }, i) => pixels.set(words, placed[i]!.offset));

    const drawn = loaded.map(({ index, picture: { fullWidth, fullHeight } }) =>
      drawCrops(options, seed, epoch, index, fullWidth, fullHeight),
    );
    const encode = (from: number, count: number): Uint32Array<ArrayBuffer> => {
      const crops: Crop[] = [];
      const places: PlacedPicture[] = [];
      for (let crop = from; crop < from + count; crop++) {
        drawn.forEach((all, i) => {
          crops.push(all[crop]!);
          places.push(placed[i]!);
        });
      }
      return encodeCrops(crops, places);
    };
    return {
      pixels,
      globalCrops: encode(0, options.global_crops_number),
      localCrops: encode(options.global_crops_number, options.local_crops_number),
      labels: Int32Array.from(loaded, ({ index }) => manifest.pictures[index]!.label),
      indices: Uint32Array.from(loaded, ({ index }) => index),
      replaced,
    };
  }
}

/** Makes the largest pictures smaller, all to the same number of pixels, until the sum fits. */
function fitBatch(pictures: readonly PackedPicture[], maxPixels: number): readonly PackedPicture[] {
  const sizes = pictures.map(({ words }) => words.length).sort((a, b) => a - b);
  let left = maxPixels;
  let most = Infinity;
  for (let i = 0; i < sizes.length; i++) {
    const share = Math.floor(left / (sizes.length - i));
    if (sizes[i]! > share) {
      most = Math.max(1, share);
      break;
    }
    left -= sizes[i]!;
  }
  return pictures.map((picture) => {
    const { width, height, words } = picture;
    if (words.length <= most) return picture;
    const target = fitPixels(width, height, most);
    const raster = { width, height, channels: 4, data: new Uint8Array(words.buffer, words.byteOffset, words.byteLength) };
    // All four bytes of a word are resampled; the fourth is 0 and stays 0.
    const { data } = resample(raster, target.width, target.height);
    return { ...picture, ...target, words: new Uint32Array(data.buffer as ArrayBuffer) };
  });
}
