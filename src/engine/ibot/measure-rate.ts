/** How fast this device trains, measured in about a second before a run is planned. */
import type { Gpu } from '../gpu';
import { addGradients, Allocation, compileGraph, Graph, type VariantTable } from '../graph';
import { linear } from '../ops';

/**
 * What a whole training step reaches of the rate of its products alone (attention, norms, augmentation, the optimiser
 * take the rest). Measured on lavapipe with the small model: 0.6.
 */
const SHARE_OF_PRODUCTS = 0.6;

/** @returns floating-point operations per second that training is expected to reach */
export async function measureRate(gpu: Gpu, table: VariantTable = new Map()): Promise<number> {
  const [rows, width, hidden] = gpu.info.software ? [2048, 192, 768] : [16384, 384, 1536];
  const graph = new Graph();
  const x = graph.input('x', [rows, width]);
  x.requiresGradient = true;
  const parameter = (name: string, shape: number[]) => {
    const tensor = graph.input(name, shape);
    tensor.requiresGradient = true;
    tensor.gradient = graph.state(`${name}.gradient`, shape, new Allocation(`${name}.gradient`, tensor.bytes));
    return tensor;
  };
  const h = linear(graph, x, parameter('fc1', [hidden, width]), { activation: 'gelu' });
  const y = linear(graph, h, parameter('fc2', [width, hidden]));
  const seed = graph.input('seed', [rows, width]);
  for (const gradient of addGradients(graph, [[y, seed]]).values()) graph.keep(gradient);
  const plan = await compileGraph(gpu, graph, table, 'rate');
  try {
    plan.run();
    await gpu.idle();
    let best = Infinity;
    for (let i = 0; i < 3; i++) {
      const start = performance.now();
      plan.run();
      await gpu.idle();
      best = Math.min(best, performance.now() - start);
    }
    return (SHARE_OF_PRODUCTS * plan.layout.flops) / (best / 1000);
  } finally {
    plan.destroy();
    for (const allocation of plan.layout.allocations) allocation.destroy();
  }
}
