/**
 * The pictures that a run could not read, as listed in its folder. One that was met before a checkpoint stays left out
 * when the run goes on from there, even if it could be read by then: an interrupted run and one that never stopped agree.
 * Those met later are tried again.
 */
import type { Manifest, Problem } from '../data';
import type { RunFolder } from './run-folder';

export interface BadPicture extends Problem {
  /** Of the first checkpoint after it was met, 0 for what was known at the start; null until then. */
  step: number | null;
}

export class BadPictures {
  private readonly listed: Map<string, BadPicture>;

  private constructor(
    private readonly folder: RunFolder,
    pictures: readonly BadPicture[],
  ) {
    this.listed = new Map(pictures.map((picture) => [picture.path, picture]));
  }

  /** What the list says of the time of a checkpoint; later entries are dropped. */
  static async open(folder: RunFolder, step: number): Promise<BadPictures> {
    const all = await folder.readBadPictures();
    const kept = all.filter((picture) => picture.step !== null && picture.step <= step);
    if (kept.length < all.length) await folder.writeBadPictures(kept);
    return new BadPictures(folder, kept);
  }

  /** Their places in the manifest, as far as they are in it. */
  indices({ pictures }: Manifest): number[] {
    if (this.listed.size === 0) return [];
    return pictures.flatMap(({ path }, index) => (this.listed.has(path) ? [index] : []));
  }

  /**
   * Writes the list where it has changed.
   * @param problems met so far by this process
   * @param savedAt step of the checkpoint that is about to be written
   * @returns those that are new
   */
  async update(problems: readonly Problem[], savedAt?: number): Promise<Problem[]> {
    const more = problems.filter(({ path }) => !this.listed.has(path));
    for (const { path, reason } of more) this.listed.set(path, { path, reason, step: null });
    const waiting = savedAt === undefined ? [] : [...this.listed.values()].filter(({ step }) => step === null);
    for (const picture of waiting) this.listed.set(picture.path, { ...picture, step: savedAt! });
    if (more.length > 0 || waiting.length > 0) await this.folder.writeBadPictures([...this.listed.values()]);
    return more;
  }
}
