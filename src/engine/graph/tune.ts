/**
 * Choosing kernels by measuring: for every undecided choice of a plan, each candidate is built for the node it was met
 * at, run on memory of its own, and the fastest is written into the table. A few seconds at a run's start; the table
 * is kept per adapter and driver, and written into the run.
 */
import type { Gpu } from '../gpu';
import { shaderText, encodeParams } from './kernel';
import { lowerNode, type Command, type OpenChoice, type VariantTable } from './plan';
import type { Tensor } from './tensor';

const ALL_ROWS = Uint32Array.of(0x7fffffff);

export interface Measurement {
  key: string;
  milliseconds: Record<string, number>;
}

/**
 * Measures each open choice and adds the winners to `table`.
 * @param progress called before each choice and waited for; what it throws ends the measuring
 */
export async function tune(
  gpu: Gpu,
  open: Iterable<OpenChoice>,
  table: VariantTable,
  progress?: (done: number, total: number) => Promise<void>,
): Promise<Measurement[]> {
  const choices = [...open].filter((c) => !table.has(c.key));
  const measurements: Measurement[] = [];
  for (const [i, choice] of choices.entries()) {
    await progress?.(i, choices.length);
    const milliseconds: Record<string, number> = {};
    let limit = Infinity;
    for (const name of choice.candidates) {
      milliseconds[name] = await timeCandidate(gpu, choice, name, table, limit);
      limit = Math.min(limit, milliseconds[name]);
    }
    const best = choice.candidates.reduce((a, b) => (milliseconds[b]! < milliseconds[a]! ? b : a));
    table.set(choice.key, best);
    measurements.push({ key: choice.key, milliseconds });
  }
  return measurements;
}

/** Milliseconds of one run; a candidate whose first run takes more than twice `limit` is not run again. */
async function timeCandidate(
  gpu: Gpu,
  choice: OpenChoice,
  name: string,
  table: VariantTable,
  limit: number,
): Promise<number> {
  const forced = new Map(table);
  forced.set(choice.key, name);
  const steps = lowerNode(gpu, choice.node, forced, new Map());
  const buffers = new Map<Tensor, GPUBuffer>();
  const uniforms = gpu.createBuffer(256 * steps.length, 'tune.params', GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
  try {
    const commands: Command[] = [];
    for (const [i, { dispatch }] of steps.entries()) {
      const { kernel, tensors, params, workgroups } = dispatch;
      const block = new DataView(new ArrayBuffer(256));
      encodeParams(kernel, params, block, 0);
      gpu.device.queue.writeBuffer(uniforms, 256 * i, block.buffer);
      const pipeline = await gpu.wait(gpu.pipeline(kernel.key, kernel.bindings.length, () => shaderText(kernel)));
      const entries: GPUBindGroupEntry[] = tensors.map((tensor, binding) => {
        let buffer = buffers.get(tensor);
        if (!buffer) {
          buffers.set(tensor, (buffer = gpu.createBuffer(tensor.bytes, 'tune')));
          // A single u32 is a row count: all rows count while measuring.
          if (tensor.dtype === 'u32' && tensor.size === 1) gpu.device.queue.writeBuffer(buffer, 0, ALL_ROWS);
        }
        return { binding, resource: { buffer } };
      });
      entries.push({ binding: tensors.length, resource: { buffer: uniforms, offset: 256 * i, size: 256 } });
      const group = gpu.device.createBindGroup({ layout: gpu.layout(tensors.length).group, entries });
      commands.push({ pipeline, group, workgroups });
    }
    const once = async (repeats: number): Promise<number> => {
      const encoder = gpu.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (let r = 0; r < repeats; r++) {
        for (const { pipeline, group, workgroups } of commands) {
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, group);
          pass.dispatchWorkgroups(...workgroups);
        }
      }
      pass.end();
      const start = performance.now();
      gpu.device.queue.submit([encoder.finish()]);
      await gpu.idle();
      return (performance.now() - start) / repeats;
    };
    const first = await once(1);
    if (first > 400 || first > 2 * limit) return first;
    const repeats = Math.max(1, Math.min(10, Math.ceil(20 / Math.max(first, 0.5))));
    return Math.min(await once(repeats), await once(repeats));
  } finally {
    for (const buffer of buffers.values()) buffer.destroy();
    uniforms.destroy();
  }
}
