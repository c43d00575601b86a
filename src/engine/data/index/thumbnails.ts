/** Thumbnails on disk, in the library's cache: made in the decoding threads, found again by picture and version, of bounded size. */
import { mkdir, readdir, readFile, rename, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DecodePool } from '../decode-pool';

export const THUMBNAIL_SIZES = [64, 128, 256, 512] as const;
/** Longer side of those that a scan makes beside. */
export const THUMBNAIL_AHEAD = 256;

export interface ThumbnailKey {
  readonly dataset: string;
  readonly picture: number;
  /** Of the file. */
  readonly version: number;
  /** Longer side at most, in pixels. */
  readonly size: number;
}

/** Files that were not asked for in so long have their time set anew when they are. */
const FRESH = 24 * 3600 * 1000;

export class Thumbnails {
  private readonly making = new Map<string, Promise<Uint8Array>>();
  /** Bytes on disk; undefined until they were counted. */
  private used: number | undefined;
  private tidying: Promise<void> | undefined;
  private parts = 0;

  constructor(
    private readonly folder: string,
    private readonly pool: DecodePool,
    /** Bytes; beyond them the least used are deleted. */
    private readonly limit = 4 * 2 ** 30,
  ) {}

  /** Whether it is worth while to make some ahead: half of the room is free. */
  get hasRoom(): boolean {
    if (this.used === undefined) void this.tidy();
    return (this.used ?? 0) < this.limit / 2;
  }

  private path({ dataset, picture, version, size }: ThumbnailKey): string {
    return join(this.folder, dataset, String(size), String(Math.floor(picture / 1000)), `${picture}-${version}.webp`);
  }

  /** One that was made before, also of a file that is not there any more. */
  async known(key: ThumbnailKey): Promise<Uint8Array | undefined> {
    const path = this.path(key);
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes) void this.keepFresh(path);
    return bytes && new Uint8Array(bytes);
  }

  /** @param file the picture itself. @throws PictureError */
  async get(key: ThumbnailKey, file: string): Promise<Uint8Array> {
    const path = this.path(key);
    const known = await this.known(key);
    if (known) return known;
    const underWay = this.making.get(path);
    if (underWay) return underWay;
    const made = this.make(key, file);
    this.making.set(path, made);
    return made.finally(() => this.making.delete(path));
  }

  private async make(key: ThumbnailKey, file: string): Promise<Uint8Array> {
    const larger = this.path({ ...key, size: THUMBNAIL_AHEAD });
    const source = key.size < THUMBNAIL_AHEAD && (await stat(larger).catch(() => undefined)) ? larger : file;
    const bytes = await this.pool.run({ kind: 'view', path: source, size: key.size, type: 'webp' }, { first: true });
    await this.put(key, bytes);
    return bytes;
  }

  /** A file that shows the picture in about 256 pixels, if there is one. */
  async ahead(key: Omit<ThumbnailKey, 'size'>): Promise<string | undefined> {
    const path = this.path({ ...key, size: THUMBNAIL_AHEAD });
    return (await stat(path).catch(() => undefined)) && path;
  }

  /** Keeps one. A full disk only means that it is made again. */
  async put(key: ThumbnailKey, bytes: Uint8Array): Promise<void> {
    const path = this.path(key);
    const part = `${path}.${process.pid}-${this.parts++}`;
    try {
      // The folder is there nearly always.
      await writeFile(part, bytes).catch(async () => {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(part, bytes);
      });
      await rename(part, path);
      if (this.used !== undefined) this.used += bytes.length;
      if (this.used === undefined || this.used > this.limit) void this.tidy();
    } catch {
      await rm(part, { force: true }).catch(() => undefined);
    }
  }

  async forget(dataset: string): Promise<void> {
    await rm(join(this.folder, dataset), { recursive: true, force: true });
    this.used = undefined;
  }

  private async keepFresh(path: string): Promise<void> {
    try {
      const { mtimeMs } = await stat(path);
      if (Date.now() - mtimeMs > FRESH) await utimes(path, new Date(), new Date());
    } catch {
      // It was deleted meanwhile, and will be made again.
    }
  }

  /** Counts what is there; deletes the least used where it is too much, down to four fifths of the room. */
  tidy(): Promise<void> {
    this.tidying ??= this.sweep()
      .catch(() => undefined)
      .finally(() => (this.tidying = undefined));
    return this.tidying;
  }

  private async sweep(): Promise<void> {
    const files: { path: string; bytes: number; used: number }[] = [];
    const walk = async (folder: string): Promise<void> => {
      for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) await walk(path);
        else {
          const info = await stat(path).catch(() => undefined);
          if (info) files.push({ path, bytes: info.size, used: info.mtimeMs });
        }
      }
    };
    await walk(this.folder);
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total > this.limit) {
      files.sort((a, b) => a.used - b.used);
      for (const { path, bytes } of files) {
        if (total <= this.limit * 0.8) break;
        await unlink(path).catch(() => undefined);
        total -= bytes;
      }
    }
    this.used = total;
  }
}
