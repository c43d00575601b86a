import { z } from 'zod';
import { compileGraph, download, Graph, upload } from '../graph';
import { headLogits, headParameters, ParameterSet, type HeadConfig } from '../nn';
import { within, type CaseRunner, type Check } from './check';

export const headSchema = z.looseObject({
  nlayers: z.number().int(),
  hidden_dim: z.number().int(),
  bottleneck_dim: z.number().int(),
  out_dim: z.number().int(),
  patch_out_dim: z.number().int(),
});
const variantSchema = headSchema.extend({
  shared_head: z.boolean(),
  norm_last_layer: z.boolean(),
  act: z.enum(['gelu', 'relu']),
  norm: z.enum(['ln']).nullable(),
});
const configSchema = z.looseObject({
  in_dim: z.number().int(),
  batch: z.number().int(),
  tokens: z.number().int(),
  variants: z.record(z.string(), variantSchema),
});

export function headConfig(
  inDim: number,
  c: z.infer<typeof headSchema>,
  more: Pick<HeadConfig, 'shared' | 'normLastLayer'> & Partial<HeadConfig>,
): HeadConfig {
  return {
    inDim,
    layers: c.nlayers,
    hiddenDim: c.hidden_dim,
    bottleneckDim: c.bottleneck_dim,
    outDim: c.out_dim,
    patchOutDim: c.patch_out_dim,
    activation: 'gelu',
    norm: 'none',
    ...more,
  };
}

export const head: CaseRunner = {
  async run({ gpu, reference }) {
    const config = reference.parse(configSchema);
    const inputs = await reference.tensors('inputs.safetensors');
    const expected = await reference.tensors('expected.safetensors');
    const { batch, tokens, in_dim: d } = config;
    const all = inputs.get('tokens');
    const cls = new Float32Array(batch * d);
    const patches = new Float32Array(batch * (tokens - 1) * d);
    for (let b = 0; b < batch; b++) {
      const start = b * tokens * d;
      cls.set(all.subarray(start, start + d), b * d);
      patches.set(all.subarray(start + d, start + tokens * d), b * (tokens - 1) * d);
    }
    const flat = inputs.get('flat');
    const checks: Check[] = [];
    for (const [name, variant] of Object.entries(config.variants)) {
      const model = headConfig(d, variant, {
        shared: variant.shared_head,
        normLastLayer: variant.norm_last_layer,
        activation: variant.act,
        norm: variant.norm ?? 'none',
      });
      const weights = await reference.tensors(`weights.${name}.safetensors`);
      const parameters = new ParameterSet(headParameters(model, 'head.'), 'head');
      const graph = new Graph();
      const tensors = parameters.tensors(graph);
      const p = (n: string) => tensors(`head.${n}`);
      upload(gpu, graph.state('all', [parameters.length], parameters.values), parameters.flatten((n) => weights.find(n)));
      const rows = { cls, patch: patches, flat_cls: flat };
      const outputs = Object.entries(rows).map(([what, values]) => {
        const x = graph.input(what, [values.length / d, d]);
        upload(gpu, x, values);
        return { what, y: graph.keep(headLogits(graph, p, model, x, what === 'patch' ? 'patch' : 'cls')) };
      });
      const plan = await compileGraph(gpu, graph, new Map(), 'head');
      plan.run();
      const tolerance = reference.tolerance(model.bottleneckDim > 0 ? 'all outputs' : 'no_bottleneck');
      for (const { what, y } of outputs) {
        checks.push(within(`${name}.${what}`, await download(gpu, y), expected.get(`${name}.${what}`), tolerance));
      }
      plan.destroy();
      for (const allocation of plan.layout.allocations) allocation.destroy();
    }
    return checks;
  },
};
