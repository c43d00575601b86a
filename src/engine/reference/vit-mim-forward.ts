import { z } from 'zod';
import { compileGraph, download, Graph, upload } from '../graph';
import { dropPathRates, ParameterSet, vit, vitParameters, type CropGroup } from '../nn';
import { patchify } from '../ops';
import type { Tensors } from './case';
import { within, type CaseRunner, type Check } from './check';
import { backboneSchema, loadParameters, vitConfig } from './vit-forward';

const size = z.tuple([z.number().int(), z.number().int()]);
const configSchema = backboneSchema.extend({
  batch: z.number().int(),
  sizes_height_width: z.array(size),
  drop_path: z.object({ drop_path_rate: z.number(), depth: z.number().int(), size }).optional(),
});

export const vitMimForward: CaseRunner = {
  async run({ gpu, reference }) {
    const config = reference.parse(configSchema);
    const inputs = await reference.tensors('inputs.safetensors');
    const expected = await reference.tensors('expected.safetensors');
    const { batch, patch_size: patch } = config;

    const run = async (options: {
      weights: Tensors;
      size: [number, number];
      depth: number;
      mask?: Uint32Array;
      dropPath?: { rates: number[]; table: Float32Array };
    }): Promise<Float32Array> => {
      const [height, width] = options.size;
      const masked = options.weights.has('masked_embed');
      const model = vitConfig(config, { depth: options.depth, maskedImageModeling: masked });
      const group: CropGroup = { sequences: batch, rows: height / patch, columns: width / patch };
      const parameters = new ParameterSet(vitParameters(model), 'vit');
      const graph = new Graph();
      const p = parameters.tensors(graph);
      const images = graph.input('images', [batch, 3, height, width]);
      const mask = options.mask && graph.input('mask', [options.mask.length], 'u32');
      const length = 1 + group.rows * group.columns;
      const dropPath = options.dropPath && {
        rates: options.dropPath.rates,
        table: graph.input('drop path', [options.dropPath.table.length]),
        sequence: graph.input('sequence of row', [batch * length], 'u32'),
      };
      const out = vit(graph, p, model, { patches: patchify(graph, images, patch), groups: [group], mask, dropPath });
      const tokens = graph.keep(out.tokens);
      upload(gpu, graph.state('all', [parameters.length], parameters.values), loadParameters(parameters, options.weights));
      upload(gpu, images, inputs.get(`images.${height}x${width}`));
      if (mask) upload(gpu, mask, options.mask!);
      if (dropPath) {
        upload(gpu, dropPath.table, options.dropPath!.table);
        upload(gpu, dropPath.sequence, Uint32Array.from({ length: batch * length }, (_, i) => Math.floor(i / length)));
      }
      const plan = await compileGraph(gpu, graph, new Map(), 'vit-mim-forward');
      plan.run();
      const values = await download(gpu, tokens);
      plan.destroy();
      for (const allocation of plan.layout.allocations) allocation.destroy();
      return values;
    };

    const checks: Check[] = [];
    const compare = (name: string, got: Float32Array): void => {
      checks.push(within(name, got, expected.get(name), reference.tolerance('tokens')));
    };
    const weights = await reference.tensors('weights.safetensors');
    for (const shape of config.sizes_height_width) {
      const name = `${shape[0]}x${shape[1]}`;
      const mask = Uint32Array.from(inputs.get(`mask.${name}`));
      compare(`tokens_masked.${name}`, await run({ weights, size: shape, depth: config.depth, mask }));
      compare(`tokens_unmasked.${name}`, await run({ weights, size: shape, depth: config.depth }));
      const all = `tokens_all_masked.${name}`;
      if (expected.has(all)) {
        const everything = new Uint32Array(mask.length).fill(1);
        compare(all, await run({ weights, size: shape, depth: config.depth, mask: everything }));
      }
    }
    if (config.drop_path) {
      const { drop_path_rate: rate, depth, size: shape } = config.drop_path;
      const rates = dropPathRates(rate, depth);
      const table = new Float32Array(2 * depth * batch).fill(1);
      rates.forEach((r, block) => {
        ['attn', 'mlp'].forEach((branch, j) => {
          const kept = inputs.find(`drop_path.kept.blocks.${block}.${branch}`);
          kept?.forEach((k, b) => (table[(2 * block + j) * batch + b] = k / (1 - r)));
        });
      });
      const got = await run({
        weights: await reference.tensors('weights.drop_path.safetensors'),
        size: shape,
        depth,
        dropPath: { rates, table },
      });
      compare(`drop_path.tokens.${shape[0]}x${shape[1]}`, got);
    }
    return checks;
  },
};
