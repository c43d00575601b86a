import { z } from 'zod';
import { compileGraph, download, Graph, upload, type Tensor } from '../graph';
import { ParameterSet, positionsFor, tokensOf, vit, vitParameters, pooledTokens, type CropGroup, type VitConfig } from '../nn';
import { attentionMatrix, layerNorm, patchify } from '../ops';
import { NORM_EPS } from '../nn';
import type { Tensors } from './case';
import { within, type CaseRunner, type Check } from './check';

const size = z.tuple([z.number().int(), z.number().int()]);
export const backboneSchema = z.looseObject({
  patch_size: z.number().int(),
  mlp_ratio: z.number(),
  img_size: z.number().int(),
  embed_dim: z.number().int(),
  depth: z.number().int(),
  num_heads: z.number().int(),
});
const configSchema = backboneSchema.extend({
  batch: z.number().int(),
  sizes_height_width: z.array(size),
  mean_pooling_size: size.optional(),
});

export function vitConfig(c: z.infer<typeof backboneSchema>, more: Partial<VitConfig> = {}): VitConfig {
  return {
    imgSize: c.img_size,
    patchSize: c.patch_size,
    embedDim: c.embed_dim,
    depth: c.depth,
    numHeads: c.num_heads,
    mlpRatio: c.mlp_ratio,
    maskedImageModeling: false,
    ...more,
  };
}

/** Parameters of a network filled from a case's weights, ready on the device. */
export function loadParameters(set: ParameterSet, weights: Tensors): Float32Array {
  return set.flatten((name) => weights.find(name));
}

export const vitForward: CaseRunner = {
  async run({ gpu, reference }) {
    const config = reference.parse(configSchema);
    const inputs = await reference.tensors('inputs.safetensors');
    const expected = await reference.tensors('expected.safetensors');
    const checks: Check[] = [];
    const run = async (model: VitConfig, weights: Tensors, [height, width]: [number, number]) => {
      const parameters = new ParameterSet(vitParameters(model), 'vit');
      const graph = new Graph();
      const p = parameters.tensors(graph);
      const group: CropGroup = {
        sequences: config.batch,
        rows: height / model.patchSize,
        columns: width / model.patchSize,
      };
      const images = graph.input('images', [config.batch, 3, height, width]);
      const patches = patchify(graph, images, model.patchSize);
      const positions = graph.keep(positionsFor(graph, p, group));
      const out = vit(graph, p, model, { patches, groups: [group] });
      const tokens = graph.keep(out.tokens);
      let intermediate: Tensor[] = [];
      let attention: Tensor | undefined;
      let pooled: Tensor | undefined;
      if (model.meanPooling) pooled = graph.keep(pooledTokens(graph, p, out.tokens, group));
      else {
        intermediate = out.blocks
          .slice(-2)
          .map((x) => graph.keep(layerNorm(graph, x, p('norm.weight'), p('norm.bias'), { eps: NORM_EPS })));
        attention = graph.keep(
          attentionMatrix(graph, out.qkv.at(-1)!, {
            heads: model.numHeads,
            sequences: group.sequences,
            length: tokensOf(group),
          }),
        );
      }
      const flat = graph.state('all', [parameters.length], parameters.values);
      upload(gpu, flat, loadParameters(parameters, weights));
      upload(gpu, images, inputs.get(`images.${height}x${width}`));
      const plan = await compileGraph(gpu, graph, new Map(), 'vit-forward');
      plan.run();
      const read = (t: Tensor): Promise<Float32Array> => download(gpu, t);
      const result = {
        tokens: await read(tokens),
        positions: await read(positions),
        intermediate: await Promise.all(intermediate.map(read)),
        attention: attention && (await read(attention)),
        pooled: pooled && (await read(pooled)),
      };
      plan.destroy();
      for (const allocation of plan.layout.allocations) allocation.destroy();
      return result;
    };

    const weights = await reference.tensors('weights.safetensors');
    for (const [height, width] of config.sizes_height_width) {
      const name = `${height}x${width}`;
      const got = await run(vitConfig(config), weights, [height, width]);
      const d = config.embed_dim;
      const length = got.tokens.length / config.batch / d;
      const cls = new Float32Array(config.batch * d);
      for (let b = 0; b < config.batch; b++) cls.set(got.tokens.subarray(b * length * d, b * length * d + d), b * d);
      const one = (what: string, values: Float32Array, tolerance: string): void => {
        checks.push(within(`${what}.${name}`, values, expected.get(`${what}.${name}`), reference.tolerance(tolerance)));
      };
      one('pos_embed', got.positions, 'pos_embed');
      one('tokens', got.tokens, 'tokens');
      one('cls', cls, 'cls');
      got.intermediate.forEach((values, i) => {
        const want = expected.get(`intermediate.${name}.${i}`);
        checks.push(within(`intermediate.${name}.${i}`, values, want, reference.tolerance('intermediate')));
      });
      one('attention', got.attention!, 'attention');
    }
    if (config.mean_pooling_size) {
      const [height, width] = config.mean_pooling_size;
      const pooling = await reference.tensors('weights.mean_pooling.safetensors');
      const got = await run(vitConfig(config, { meanPooling: true }), pooling, [height, width]);
      const d = config.embed_dim;
      const length = got.tokens.length / config.batch / d;
      for (let b = 0; b < config.batch; b++) got.tokens.set(got.pooled!.subarray(b * d, b * d + d), b * length * d);
      const name = `mean_pooling.tokens.${height}x${width}`;
      checks.push(within(name, got.tokens, expected.get(name), reference.tolerance('tokens')));
    }
    return checks;
  },
};
