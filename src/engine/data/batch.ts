/**
 * Batches for training, made ahead of time: pixels and crop records in the device's form. A batch depends on the
 * manifest, the files, the seed, the epoch and the step, and on nothing else: not on the number of threads, not on the
 * step where the run was taken up. A picture's pixels do not depend on the batch it is in either: batches of half the
 * size hold the same pictures (see `maxPixelsPerBatch` for the one limit to that).
 */
import { UserError } from '../errors';
import { drawCrops, encodeCrops, type Crop, type CropOptions, type PlacedPicture } from './crops';
import { PICTURE_PIXELS, type PackedPicture } from './decode-job';
import type { DecodePool } from './decode-pool';
import { splitIndices, type Manifest } from './manifest';
import { MetPictures, MOST_FAILING, tooManyUnreadable } from './met-pictures';
import { epochOrder } from './order';
import { PictureSource } from './picture-source';
import { requirePictures } from './pictures-gone';
import type { Problem } from './problems';
import { standIns } from './stand-ins';

export interface BatchLoaderOptions {
  readonly manifest: Manifest;
  readonly crops: CropOptions;
  readonly seed: number;
  /** Pictures per batch; at most the number of training pictures. */
  readonly batchSize: number;
  /** Batches taken of each epoch, the others are left out: after the last, the next epoch begins. Default: all full ones. */
  readonly batchesPerEpoch?: number;
  /** Decodes the pictures; stays open. Batches under way are rejected when it closes. */
  readonly pool: DecodePool;
  /** Larger pictures are not decoded. */
  readonly pixelCap?: number;
  /**
   * Pixels (4 bytes each) of a batch, which fit one buffer. Each picture gets the same share, 512² pixels at most; with
   * the default of 2²⁵, pictures of batches above 128 get less, and thus depend on the batch size.
   */
  readonly maxPixelsPerBatch?: number;
  /** Memory for small pictures that are kept decoded. Default 1 GiB. */
  readonly cacheBytes?: number;
  /** Batches made ahead. Default 2. */
  readonly prefetch?: number;
  /** Go on when more than a tenth of the pictures cannot be read. */
  readonly allowBad?: boolean;
  /**
   * Places in the manifest of pictures that an earlier session of the run could not read. They are replaced without a
   * look, so that the batches are those of a run without interruption, even if the files have been mended.
   */
  readonly knownBad?: Iterable<number>;
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
}

interface Loaded {
  readonly index: number;
  readonly picture: PackedPicture;
}

interface Prepared {
  /** Undefined when too few pictures can be read. */
  readonly batch: Batch | undefined;
  readonly met: MetPictures;
}

export class BatchLoader {
  readonly batchesPerEpoch: number;
  private readonly training: Uint32Array;
  private readonly source: PictureSource;
  private readonly knownBad: ReadonlySet<number>;
  /** Training pictures that are not known to be unreadable. */
  private readonly judged: number;
  /** Of the batches handed out, so that it does not matter how far ahead batches are made. */
  private readonly met = new MetPictures();
  private readonly ready = new Map<string, Promise<Prepared>>();
  private readonly orders = new Map<number, Uint32Array>();

  /**
   * @throws UserError when there are fewer training pictures than a batch holds, or when more than a tenth of them is
   *   known to be unreadable (unless allowed).
   */
  constructor(private readonly options: BatchLoaderOptions) {
    const { manifest, batchSize, maxPixelsPerBatch = 1 << 25, cacheBytes = 1 << 30 } = options;
    this.training = splitIndices(manifest, 'train');
    const count = this.training.length;
    if (batchSize > count) {
      throw new UserError(
        `A batch of ${batchSize} pictures needs as many to train on, and there are ${count}: lower batch_size.`,
      );
    }
    const full = Math.floor(count / batchSize);
    this.batchesPerEpoch = options.batchesPerEpoch ?? full;
    if (!(this.batchesPerEpoch >= 1 && this.batchesPerEpoch <= full)) {
      throw new RangeError(`An epoch has ${full} full batches, not ${this.batchesPerEpoch}.`);
    }
    this.knownBad = new Set(options.knownBad);
    const bad = this.training.filter((index) => this.knownBad.has(index));
    if (!options.allowBad && bad.length > count * MOST_FAILING) {
      throw tooManyUnreadable(
        `${bad.length} of the ${count} training pictures could not be read so far`,
        `for example ${JSON.stringify(manifest.pictures[bad[0]!]!.path)}`,
      );
    }
    this.judged = count - bad.length;
    const maxPixels = Math.min(PICTURE_PIXELS, Math.max(1, Math.floor(maxPixelsPerBatch / batchSize)));
    this.source = new PictureSource({ ...options, knownBad: this.knownBad, cacheBytes, maxPixels });
  }

  /** Pictures of the batches handed out, or tried in their place, that could not be read: each once, without known ones. */
  get problems(): readonly Problem[] {
    return this.met.problems;
  }

  /**
   * The batch of a step, 0 ≤ step < `batchesPerEpoch`; starts making the next ones.
   * @throws UserError when more than a tenth of the pictures met so far, in the batches handed out and in this one, cannot
   *   be read (unless allowed), or when none can. PicturesGoneError when it is their folder that is not there.
   */
  async batch(epoch: number, step: number): Promise<Batch> {
    if (!(step >= 0 && step < this.batchesPerEpoch)) {
      throw new RangeError(`There is no step ${step} in an epoch of ${this.batchesPerEpoch}.`);
    }
    const wanted = new Set<string>();
    const prepared = this.start(epoch, step, wanted);
    const ahead = this.options.prefetch ?? 2;
    for (let i = 0, at = { epoch, step }; i < ahead; i++) {
      at = at.step + 1 < this.batchesPerEpoch ? { epoch: at.epoch, step: at.step + 1 } : { epoch: at.epoch + 1, step: 0 };
      this.start(at.epoch, at.step, wanted);
    }
    for (const key of this.ready.keys()) if (!wanted.has(key)) this.ready.delete(key);
    for (const key of this.orders.keys()) if (key < epoch || key > epoch + ahead) this.orders.delete(key);

    const { batch, met } = await prepared;
    this.met.addAll(met);
    if (!this.options.allowBad) this.met.check(this.judged);
    if (batch) return batch;
    const first = met.problems[0];
    const example = first ? ` (for example ${JSON.stringify(first.path)}: ${first.reason})` : '';
    throw new UserError(`None of the training pictures can be read${example}: check that their folder is still there.`);
  }

  private start(epoch: number, step: number, wanted: Set<string>): Promise<Prepared> {
    const key = `${epoch}:${step}`;
    wanted.add(key);
    const started = this.ready.get(key);
    if (started) return started;
    const prepared = this.load(epoch, step);
    // A batch made ahead may fail before anybody waits for it; whoever asks for it gets the error.
    prepared.catch(() => undefined);
    this.ready.set(key, prepared);
    return prepared;
  }

  private order(epoch: number): Uint32Array {
    const known = this.orders.get(epoch);
    if (known) return known;
    const order = epochOrder(this.options.seed, epoch, this.training.length);
    this.orders.set(epoch, order);
    return order;
  }

  private async load(epoch: number, step: number): Promise<Prepared> {
    const { batchSize } = this.options;
    const order = this.order(epoch);
    const first = step * batchSize;
    const met = new MetPictures();
    const own = await Promise.all(
      Array.from({ length: batchSize }, (_, slot) => this.loadOne(this.training[order[first + slot]!]!, epoch)),
    );
    // Pictures that all went away with their folder count for nothing, and nothing is trained on in their place.
    if (own.some((slot) => !slot)) await requirePictures(this.options.manifest);
    const taken = new Set<number>();
    own.forEach((slot, i) => {
      this.meet(met, this.training[order[first + i]!]!);
      if (slot) taken.add(slot.index);
    });
    const loaded: Loaded[] = [];
    for (let slot = 0; slot < batchSize; slot++) {
      const found = own[slot] ?? (await this.standIn(epoch, first + slot, taken, met));
      if (!found) return { batch: undefined, met };
      taken.add(found.index);
      loaded.push(found);
    }
    return { batch: this.compose(epoch, loaded), met };
  }

  private async loadOne(index: number, epoch: number): Promise<Loaded | undefined> {
    const picture = await this.source.picture(index, epoch);
    return picture && { index, picture };
  }

  /** Known failures do not count again: the run was accepted with them. */
  private meet(met: MetPictures, index: number): void {
    if (!this.knownBad.has(index)) met.add(index, this.source.problem(index));
  }

  /**
   * The first readable picture of `standIns`: one that the batch does not hold yet, or else any.
   * @returns undefined after a whole round in vain, or when so many have failed that the run cannot go on.
   */
  private async standIn(
    epoch: number,
    place: number,
    taken: ReadonlySet<number>,
    met: MetPictures,
  ): Promise<Loaded | undefined> {
    const { batchSize, allowBad } = this.options;
    const order = this.order(epoch);
    for (const again of [false, true]) {
      for (const candidate of standIns(place, this.batchesPerEpoch * batchSize, order.length)) {
        const index = this.training[order[candidate]!]!;
        if (taken.has(index) !== again) continue;
        // Whoever asks for the batch will be told so: a large set need not be tried to its end.
        if (!allowBad && met.isHopeless(this.judged)) return undefined;
        const found = await this.loadOne(index, epoch);
        this.meet(met, index);
        if (found) return found;
      }
    }
    return undefined;
  }

  private compose(epoch: number, loaded: readonly Loaded[]): Batch {
    const { crops: options, seed, manifest } = this.options;
    const placed: PlacedPicture[] = [];
    let length = 0;
    for (const { picture } of loaded) {
      placed.push({ ...picture, offset: length });
      length += picture.words.length;
    }
    const pixels = new Uint32Array(length);
    loaded.forEach(({ picture }, i) => pixels.set(picture.words, placed[i]!.offset));

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
    };
  }
}
