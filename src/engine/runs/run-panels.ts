/**
 * What the teacher sees in a few fixed pictures, saved every so often while it learns. An inference plan of its own, between
 * steps: it only reads the teacher, so training has the same bits with and without.
 */
import { createHash } from 'node:crypto';
import { picturePath, PictureError, readForEvaluation, type Manifest } from '../data';
import { attentionShades, classAttention, colourBasis, FeatureExtractor } from '../evaluate';
import type { Gpu } from '../gpu';
import type { VariantTable } from '../graph';
import { PIXEL_MEAN, PIXEL_STD, type Network } from '../ibot';
import type { RunEvent } from './events';
import {
  panelSteps,
  readBasis,
  readPictures,
  removePanel,
  writeBasis,
  writePanel,
  writePictures,
  type PanelPictures,
} from './panel-files';

const MOST_PICTURES = 8;
/** Seconds between panels, at least. */
const SHORTEST = 10;
/** Of the time, what panels may take. */
const SHARE = 0.02;
/** About so many are kept, evenly spread over the run. */
const KEPT = 100;

export interface RunPanelsOptions {
  folder: string;
  gpu: Gpu;
  manifest: Manifest;
  network: Network;
  /** Kernel choices to go by; nothing is added. */
  table: VariantTable;
  /** Steps done: panels beyond are void. */
  step: number;
  emit: (event: RunEvent) => void;
}

export class RunPanels {
  private last: number | undefined;
  private cost = 0;
  private failed = false;

  private constructor(
    private readonly options: RunPanelsOptions,
    private readonly pictures: PanelPictures,
    private steps: number[],
  ) {}

  /** Undefined where none of the pictures can be read. */
  static async open(options: RunPanelsOptions): Promise<RunPanels | undefined> {
    const { folder, manifest, network, step } = options;
    const all = await panelSteps(folder);
    for (const late of all.filter((each) => each > step)) await removePanel(folder, late);
    let pictures = await readPictures(folder);
    if (!pictures) {
      pictures = await choosePictures(manifest, network.config.backbone);
      if (!pictures) return undefined;
      await writePictures(folder, pictures);
    }
    return new RunPanels(options, pictures, all.filter((each) => each <= step));
  }

  /** @param elapsed seconds of the run */
  isDue(elapsed: number): boolean {
    if (this.failed) return false;
    if (this.steps.length === 0) return true;
    // One that goes on has panels of its earlier processes.
    this.last ??= elapsed;
    return elapsed - this.last >= this.interval(elapsed);
  }

  /** A disk that is full, or a device without room: the run goes on without panels. */
  async add(place: { step: number; epoch: number }, elapsed: number): Promise<void> {
    if (this.failed || this.steps.at(-1) === place.step) return;
    const start = performance.now();
    this.last = elapsed;
    try {
      await this.write(place);
    } catch (error) {
      this.failed = true;
      const reason = error instanceof Error ? error.message : String(error);
      this.options.emit({ event: 'note', message: `Pictures of what the teacher sees are not saved any more: ${reason}` });
      this.options.gpu.check();
      return;
    }
    this.cost = (performance.now() - start) / 1000;
    this.options.emit({ event: 'panel', ...place, seconds: this.cost });
  }

  private interval(elapsed: number): number {
    return Math.max(SHORTEST, this.cost / SHARE, elapsed / KEPT);
  }

  private async write({ step, epoch }: { step: number; epoch: number }): Promise<void> {
    const { folder, gpu, network, table } = this.options;
    const { rgb, size } = this.pictures;
    const model = network.config.backbone;
    const names = { prefix: 'backbone.', mean: PIXEL_MEAN, std: PIXEL_STD };
    const wanted = { size, batch: rgb.length, patches: true, lastQkv: true };
    const extractor = await FeatureExtractor.create(gpu, network.teacher, model, { ...wanted, ...names }, new Map(table));
    try {
      const { patches, lastQkv } = await extractor.extract(rgb);
      const features = patches!;
      const width = lastQkv!.length / rgb.length;
      const attention = new Uint8Array(features.length / model.embedDim);
      rgb.forEach((_, i) => {
        const map = attentionShades(classAttention(lastQkv!.subarray(i * width, (i + 1) * width), model.numHeads, model.embedDim));
        attention.set(map, i * map.length);
      });
      await this.refreshBasis(features, step);
      await writePanel(folder, rgb.length, { step, epoch, at: Date.now(), attention, features });
    } finally {
      extractor.destroy();
    }
    this.steps.push(step);
    await this.thin();
  }

  /** Early features say little about later ones: the directions are taken anew each time that the run has doubled. */
  private async refreshBasis(features: Float32Array, step: number): Promise<void> {
    const { folder, network } = this.options;
    const known = await readBasis(folder);
    if (known && known.step <= step && (step < 2 * known.step || step === known.step)) return;
    await writeBasis(folder, await colourBasis(features, network.config.backbone.embedDim, known), step);
  }

  /** Every second one of the older ones goes when there are twice as many as wanted. */
  private async thin(): Promise<void> {
    if (this.steps.length < 2 * KEPT) return;
    const { steps } = this;
    this.steps = steps.filter((_, i) => i % 2 === 0 || i === steps.length - 1);
    for (const step of steps.filter((each) => !this.steps.includes(each))) await removePanel(this.options.folder, step);
  }
}

/** Held-out ones where there are some, of different classes first; the same ones for every run on the same pictures. */
async function choosePictures(
  manifest: Manifest,
  { imgSize: size, patchSize }: { imgSize: number; patchSize: number },
): Promise<PanelPictures | undefined> {
  const heldOut = manifest.pictures.filter(({ split }) => split === 'held-out');
  const among = heldOut.length >= MOST_PICTURES ? heldOut : manifest.pictures;
  const keyOf = (text: string): string => createHash('sha256').update(text).digest('hex');
  const shuffled = among.map((picture) => ({ picture, key: keyOf(picture.path) })).sort((a, b) => (a.key < b.key ? -1 : 1));
  const rounds = new Map<number, number>();
  const ranked = shuffled.map(({ picture }) => {
    const round = rounds.get(picture.label) ?? 0;
    rounds.set(picture.label, round + 1);
    return { picture, round };
  });
  ranked.sort((a, b) => a.round - b.round);
  const chosen: PanelPictures = { paths: [], size, patchSize, rgb: [] };
  for (const { picture } of ranked.slice(0, 4 * MOST_PICTURES)) {
    if (chosen.rgb.length === MOST_PICTURES) break;
    try {
      chosen.rgb.push(await readForEvaluation(picturePath(manifest, picture), size));
      chosen.paths.push(picture.path);
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
    }
  }
  return chosen.rgb.length > 0 ? chosen : undefined;
}
