/**
 * Features of pictures: the [CLS] token after the last norm, and on request the patch tokens, by an inference plan of
 * fixed batch size. A last partial batch is padded and the padding ignored.
 */
import type { Gpu } from '../gpu';
import { download, Graph, Plan, PlanLayout, tune, upload, type Tensor, type VariantTable } from '../graph';
import { vit, type ParameterSet, type VitConfig } from '../nn';
import { centreCropNormalise, gatherRows, patchify } from '../ops';

export interface FeatureOptions {
  /** Height and width of the pictures in pixels, a multiple of the patch. */
  size: number;
  /** Pictures per pass. */
  batch: number;
  /** Before the backbone's names in `parameters`: 'backbone.' for a whole student or teacher. */
  prefix?: string;
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
  patches?: boolean;
  /** The last block's queries, keys and values, for its attention. */
  lastQkv?: boolean;
}

export interface Features {
  /** [count, D] */
  cls: Float32Array;
  /** [count, patches, D] */
  patches?: Float32Array;
  /** [count, 1 + patches, 3 D], the class token first; columns as `attention` in ops has them. */
  lastQkv?: Float32Array;
}

/** Features of up to a batch of pictures; those that could not be read are left out. */
export interface FeatureBatch extends Features {
  /** Which pictures they are. */
  indices: number[];
}

/** An inference plan for one model, size of picture and batch. Close it with `destroy`. */
export class FeatureExtractor {
  private constructor(
    private readonly gpu: Gpu,
    private readonly plan: Plan,
    private readonly pixels: Tensor,
    private readonly cls: Tensor,
    private readonly patches: Tensor | undefined,
    private readonly lastQkv: Tensor | undefined,
    private readonly own: readonly Tensor[],
    readonly batch: number,
    readonly size: number,
  ) {}

  /** @param parameters already on the device, or filled before the first `extract` */
  static async create(
    gpu: Gpu,
    parameters: ParameterSet,
    model: VitConfig,
    options: FeatureOptions,
    table: VariantTable = new Map(),
    choose = false,
  ): Promise<FeatureExtractor> {
    const { size, batch, prefix = '' } = options;
    const grid = size / model.patchSize;
    const trace = () => {
      const graph = new Graph();
      const tensors = parameters.tensors(graph);
      const pixels = graph.input('pixels', [batch * size * size], 'u32');
      const images = centreCropNormalise(graph, pixels, { size, mean: options.mean, std: options.std });
      const { tokens, qkv } = vit(graph, (name) => tensors(prefix + name), { ...model, maskedImageModeling: false }, {
        patches: patchify(graph, images, model.patchSize),
        groups: [{ sequences: batch, rows: grid, columns: grid }],
      });
      const length = grid * grid + 1;
      const index = graph.input('class rows', [batch], 'u32');
      const cls = graph.keep(gatherRows(graph, tokens, index));
      const last = options.lastQkv ? qkv.at(-1) : undefined;
      const lastQkv = last && graph.keep(last);
      let patches: Tensor | undefined;
      let patchIndex: Tensor | undefined;
      if (options.patches) {
        patchIndex = graph.input('patch rows', [batch * (length - 1)], 'u32');
        patches = graph.keep(gatherRows(graph, tokens, patchIndex));
      }
      return { graph, pixels, cls, patches, lastQkv, index, patchIndex, length };
    };
    const traced = trace();
    let layout = new PlanLayout(gpu, traced.graph, table);
    if (choose && layout.open.size > 0) {
      await tune(gpu, layout.open.values(), table);
      layout = new PlanLayout(gpu, traced.graph, table);
    }
    const plan = await Plan.compile(gpu, layout, { label: 'features' });
    const { length } = traced;
    const { pixels, cls, patches, lastQkv, index, patchIndex } = traced;
    const own = [pixels, cls, patches, lastQkv, index, patchIndex].filter((t) => t !== undefined);
    upload(gpu, index, Uint32Array.from({ length: batch }, (_, i) => i * length));
    if (patchIndex) {
      const per = length - 1;
      upload(gpu, patchIndex, Uint32Array.from({ length: batch * per }, (_, i) => Math.floor(i / per) * length + 1 + (i % per)));
    }
    return new FeatureExtractor(gpu, plan, pixels, cls, patches, lastQkv, own, batch, size);
  }

  /** @param pictures up to `batch` squares of RGB bytes, size·size·3 each */
  async extract(pictures: readonly Uint8Array[]): Promise<Features> {
    const { gpu, size, batch } = this;
    const words = new Uint32Array(batch * size * size);
    pictures.forEach((rgb, n) => {
      let at = n * size * size;
      for (let i = 0; i < rgb.length; i += 3) words[at++] = rgb[i]! | (rgb[i + 1]! << 8) | (rgb[i + 2]! << 16);
    });
    upload(gpu, this.pixels, words);
    this.plan.run();
    const keep = (values: Float32Array): Float32Array => values.slice(0, (values.length / batch) * pictures.length);
    const cls = keep(await download(gpu, this.cls));
    return {
      cls,
      ...(this.patches && { patches: keep(await download(gpu, this.patches)) }),
      ...(this.lastQkv && { lastQkv: keep(await download(gpu, this.lastQkv)) }),
    };
  }

  /** The plan and its inputs; the parameters stay. */
  destroy(): void {
    this.plan.destroy();
    for (const tensor of this.own) (tensor.base ?? tensor).allocation?.destroy();
  }
}

/**
 * Features of many pictures, batch by batch: the next ones are read while these are on the device.
 * @param indices names of the pictures for `read`
 * @param read the square of a picture; undefined where it cannot be read
 */
export async function* featureBatches(
  extractor: Pick<FeatureExtractor, 'batch' | 'extract'>,
  indices: ArrayLike<number>,
  read: (index: number) => Promise<Uint8Array | undefined>,
  progress?: (done: number, total: number) => void,
  signal?: AbortSignal,
): AsyncGenerator<FeatureBatch, void, undefined> {
  const { batch } = extractor;
  const total = indices.length;
  const load = (first: number) => {
    const loaded = Promise.all(
      Array.from({ length: Math.max(0, Math.min(batch, total - first)) }, async (_, i) => {
        const index = indices[first + i]!;
        const square = await read(index);
        return square ? [{ index, square }] : [];
      }),
    );
    // A batch read ahead may fail before anybody waits for it; whoever takes it gets the error.
    loaded.catch(() => undefined);
    return loaded;
  };
  let next = load(0);
  for (let first = 0; first < total; first += batch) {
    const readable = (await next).flat();
    signal?.throwIfAborted();
    next = load(first + batch);
    if (readable.length > 0) {
      const features = await extractor.extract(readable.map(({ square }) => square));
      yield { indices: readable.map(({ index }) => index), ...features };
    }
    progress?.(Math.min(total, first + batch), total);
  }
}
