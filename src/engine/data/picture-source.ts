/** A run's training pictures, decoded: what failed is remembered and counted, what is small is kept in memory. */
import { UserError } from '../errors';
import type { CropOptions } from './crops';
import { REUSABLE_PIXELS, type PackedPicture } from './decode-job';
import type { DecodePool } from './decode-pool';
import { picturePath, type Manifest } from './manifest';
import { PictureError, ProblemList } from './problems';

export interface PictureSourceOptions {
  readonly manifest: Manifest;
  readonly crops: CropOptions;
  readonly seed: number;
  readonly pixelCap?: number;
  readonly cacheBytes: number;
  /** No decoded picture is larger, in pixels. */
  readonly maxPixels: number;
  readonly allowBad: boolean;
}

/** Below so many pictures tried, failures say little about the folder. */
const FEWEST_TRIED = 20;
const MOST_FAILING = 0.1;

export class PictureSource {
  readonly problems = new ProblemList();
  private readonly tried = new Set<number>();
  private readonly failed = new Set<number>();
  private readonly kept = new Map<number, PackedPicture>();
  private room: number;

  constructor(
    private readonly options: PictureSourceOptions,
    private readonly pool: DecodePool,
  ) {
    this.room = options.cacheBytes;
  }

  /** The picture, shrunk as its crops of this epoch allow; undefined when it cannot be read. */
  async picture(index: number, epoch: number): Promise<PackedPicture | undefined> {
    const kept = this.kept.get(index);
    if (kept) return kept;
    if (this.failed.has(index)) return undefined;
    const { manifest, crops, seed, pixelCap, maxPixels } = this.options;
    const entry = manifest.pictures[index]!;
    this.tried.add(index);
    try {
      const picture = await this.pool.run({
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
      this.failed.add(index);
      this.problems.add(entry.path, error.reason);
      return undefined;
    }
  }

  /**
   * @param count training pictures in all: small sets are judged once all of theirs were tried.
   * @throws UserError when too many of the pictures tried so far cannot be read.
   */
  checkFailures(count: number): void {
    const { tried, failed, options } = this;
    if (options.allowBad || tried.size < Math.min(FEWEST_TRIED, count) || failed.size <= tried.size * MOST_FAILING) return;
    const first = this.problems.list()[0]!;
    const share = `${failed.size} of the ${tried.size} pictures tried so far cannot be read`;
    const example = `for example ${JSON.stringify(first.path)}: ${first.reason}`;
    throw new UserError(`${share} (${example}); mend or remove them, or allow them with --allow-bad.`);
  }

  /** Only pictures that are never shrunk are kept: they are the same in every epoch. Kept until the end: evicting
   *  would gain nothing, since every picture is used once an epoch. */
  private keep(index: number, picture: PackedPicture): void {
    const { width, height, fullWidth, fullHeight, words } = picture;
    if (fullWidth * fullHeight > REUSABLE_PIXELS || width !== fullWidth || height !== fullHeight) return;
    if (words.byteLength > this.room || this.kept.has(index)) return;
    this.room -= words.byteLength;
    this.kept.set(index, picture);
  }
}
