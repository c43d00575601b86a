/** A run's training pictures, decoded: what failed is remembered, what is small is kept in memory. */
import type { CropOptions } from './crops';
import { reusablePixels, type PackedPicture } from './decode-job';
import type { DecodePool } from './decode-pool';
import { picturePath, type Manifest } from './manifest';
import { PictureError, type Problem } from './problems';

export interface PictureSourceOptions {
  readonly pool: DecodePool;
  readonly manifest: Manifest;
  readonly crops: CropOptions;
  readonly seed: number;
  readonly pixelCap?: number;
  readonly cacheBytes: number;
  /** No decoded picture is larger, in pixels. */
  readonly maxPixels: number;
  /** Taken as unreadable without a look: places in the manifest. */
  readonly knownBad: ReadonlySet<number>;
}

export class PictureSource {
  private readonly failed = new Map<number, Problem>();
  private readonly kept = new Map<number, PackedPicture>();
  private room: number;

  constructor(private readonly options: PictureSourceOptions) {
    this.room = options.cacheBytes;
  }

  /** The picture, shrunk as its crops of this epoch allow; undefined when it cannot be read. */
  async picture(index: number, epoch: number): Promise<PackedPicture | undefined> {
    const kept = this.kept.get(index);
    if (kept) return kept;
    const { pool, manifest, crops, seed, pixelCap, maxPixels, knownBad } = this.options;
    if (knownBad.has(index) || this.failed.has(index)) return undefined;
    const entry = manifest.pictures[index]!;
    try {
      const picture = await pool.run({
        kind: 'crops',
        path: picturePath(manifest, entry),
        expectedSize: entry.size,
        ...(pixelCap === undefined ? {} : { pixelCap }),
        maxPixels,
        options: crops,
        seed,
        epoch,
        pictureIndex: index,
      });
      this.keep(index, picture);
      return picture;
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      this.failed.set(index, { path: entry.path, reason: error.reason });
      return undefined;
    }
  }

  /** Why a picture that was tried could not be read; undefined where it could. */
  problem(index: number): Problem | undefined {
    return this.failed.get(index);
  }

  /** Only pictures so small that no epoch shrinks them are kept: they are the same in every epoch. Kept until the end:
   *  evicting would gain nothing, since every picture is used once an epoch. */
  private keep(index: number, picture: PackedPicture): void {
    const { fullWidth, fullHeight, words } = picture;
    if (fullWidth * fullHeight > reusablePixels(this.options.maxPixels)) return;
    if (words.byteLength > this.room || this.kept.has(index)) return;
    this.room -= words.byteLength;
    this.kept.set(index, picture);
  }
}
