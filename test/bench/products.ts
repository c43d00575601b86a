/**
 * Times every variant of the matrix product on this device.
 *   npx esbuild test/bench/products.ts --bundle --platform=node --format=esm --packages=external --outfile=out/bench/products.mjs
 *   node out/bench/products.mjs [m,n,k …]
 * Prints, per shape and kind, GFLOP/s, the ratio to the naive form, and how long the pipelines took to make.
 */
import { Gpu } from '../../src/engine/gpu';
import { compileGraph, Graph, type OpDefinition } from '../../src/engine/graph';
import { product, type ProductKind } from '../../src/engine/ops/product';

const SHAPES = ['512,512,512', '1576,1536,384', '1576,384,1536', '512,768,192'];
const KINDS: ProductKind[] = ['nn', 'nt', 'tn'];

/** Milliseconds of one product in one variant (the best of three batches), or undefined where it does not run. */
async function time(gpu: Gpu, kind: ProductKind, m: number, n: number, k: number, variant: string) {
  const graph = new Graph();
  const a = graph.input('a', [m, k]);
  const b = graph.input('b', [k, n]);
  const c = graph.input('c', [m, n]);
  const names: string[] = [];
  const op: OpDefinition<object> = {
    name: 'bench',
    outputs: () => [],
    lower: (_, lowering) =>
      product(
        {
          ...lowering,
          choose: (_family, _shapeClass, variants) => {
            const possible = variants.filter((v) => v.available !== false);
            names.push(...possible.map((v) => v.name));
            return (possible.find((v) => v.name === variant) ?? possible[0]!).build();
          },
        },
        { kind, m, n, k, a: { tensor: a }, b: { tensor: b }, c: { tensor: c } },
      ),
  };
  graph.add(op, [], {});
  const begun = performance.now();
  const plan = await compileGraph(gpu, graph);
  const made = performance.now() - begun;
  const once = async (times: number): Promise<number> => {
    const start = performance.now();
    const encoder = gpu.device.createCommandEncoder();
    for (let i = 0; i < times; i++) plan.encode(encoder);
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.idle();
    return (performance.now() - start) / times;
  };
  const first = await once(1);
  const times = Math.max(1, Math.min(20, Math.round(100 / first)));
  let best = first;
  for (let i = 0; i < 3; i++) best = Math.min(best, await once(times));
  plan.destroy();
  for (const tensor of [a, b, c]) tensor.allocation!.destroy();
  return { best, made, names };
}

const gpu = await Gpu.open();
console.log(gpu.info.description, `subgroups of ${gpu.info.subgroupSize || 'varying size'}`);
const only = process.env.VARIANTS?.split(',');
for (const shape of process.argv.length > 2 ? process.argv.slice(2) : SHAPES) {
  const [m, n, k] = shape.split(',').map(Number) as [number, number, number];
  for (const kind of KINDS) {
    const { best: naive, names } = await time(gpu, kind, m, n, k, 'naive');
    const parts: string[] = [];
    for (const name of new Set(names)) {
      if (only && !only.includes(name)) continue;
      const { best, made } = await time(gpu, kind, m, n, k, name);
      const speed = (2 * m * n * k) / best / 1e6;
      parts.push(`${name} ${speed.toFixed(1)} (×${(naive / best).toFixed(1)}, made in ${(made / 1000).toFixed(1)} s)`);
    }
    console.log(`${kind} ${m}·${n}·${k}: ${parts.join(', ')}`);
  }
}
gpu.close();
