/**
 * Times every form of attention, each against the naive one in the same run, interleaved, best of several. On a software
 * device the time is the process's processor time ÷ cores, which a busy machine disturbs least.
 * `npx esbuild test/bench/attention.ts --bundle --platform=node --format=esm --packages=external | node --input-type=module`
 * Environment: CASES (length,size,heads,sequences;…), FORMS (lanes,tile,naive), ROWS (tokens per lane of
 * further lanes forms: 3,4,5), ROUNDS.
 */
import { availableParallelism } from 'node:os';
import { Gpu } from '../../src/engine/gpu';
import { lanesAttention, lanesAvailable, lanesRows } from '../../src/engine/ops/attention-lanes';
import { naiveAttention } from '../../src/engine/ops/attention-naive';
import { passFlops, type AttentionForm, type AttentionPass, type PassKind } from '../../src/engine/ops/attention-pass';
import { tileAttention } from '../../src/engine/ops/attention-tile';
import { encodeParams, shaderText, type Dispatch } from '../../src/engine/graph/kernel';
import { Tensor } from '../../src/engine/graph';
import { Purpose, Random } from '../../src/engine/random';

const KINDS: PassKind[] = ['forward', 'query-gradient', 'key-gradient'];
const cases = (process.env.CASES ?? '145,64,3,32;197,64,6,8;37,64,3,128;37,32,3,128').split(';');
const wanted = (process.env.FORMS ?? 'naive,lanes,tile').split(',');
const rounds = Number(process.env.ROUNDS ?? 5);

const gpu = await Gpu.open();
console.log(`${gpu.info.name} ${gpu.info.description}, subgroups of ${gpu.info.subgroupSize}`);
const forms: Record<string, AttentionForm> = { naive: naiveAttention, tile: tileAttention };
if (lanesAvailable(gpu)) {
  forms['lanes'] = lanesAttention(gpu);
  for (const rows of process.env.ROWS?.split(',') ?? []) forms[`lanes-${rows}`] = lanesAttention(gpu, () => Number(rows));
}

async function prepare(dispatch: Dispatch, buffers: Map<Tensor, GPUBuffer>): Promise<(pass: GPUComputePassEncoder) => void> {
  const { kernel, tensors, params, workgroups } = dispatch;
  const start = performance.now();
  const pipeline = await gpu.wait(gpu.pipeline(kernel.key, kernel.bindings.length, () => shaderText(kernel)));
  const made = performance.now() - start;
  if (process.env.VERBOSE) console.log(`  ${kernel.key}: ${made.toFixed(0)} ms to make`);
  const block = new DataView(new ArrayBuffer(256));
  encodeParams(kernel, params, block, 0);
  const uniforms = gpu.createBuffer(256, 'params', GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
  gpu.device.queue.writeBuffer(uniforms, 0, block.buffer);
  const entries: GPUBindGroupEntry[] = tensors.map((t, binding) => ({ binding, resource: { buffer: buffers.get(t)! } }));
  entries.push({ binding: tensors.length, resource: { buffer: uniforms } });
  const group = gpu.device.createBindGroup({ layout: gpu.layout(tensors.length).group, entries });
  return (pass) => {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...workgroups);
  };
}

const clock = (): number => {
  if (!gpu.info.software) return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000 / availableParallelism();
};

const random = new Random(1, Purpose.test);
for (const text of cases) {
  const [length, size, heads, sequences] = text.split(',').map(Number) as [number, number, number, number];
  const pass: AttentionPass = { row: 0, length, sequences, heads, size, scale: size ** -0.5 };
  const rows = length * sequences;
  const columns = heads * size;
  const shapes = {
    qkv: 3 * columns,
    output: columns,
    lse: heads,
    outputGradient: columns,
    delta: heads,
    qkvGradient: 3 * columns,
  };
  const buffers = new Map<Tensor, GPUBuffer>();
  const tensors = Object.fromEntries(
    Object.entries(shapes).map(([name, n], i) => {
      const tensor = new Tensor(i, [rows, n], 'f32', name);
      const buffer = gpu.createBuffer(tensor.bytes, name);
      gpu.device.queue.writeBuffer(buffer, 0, Float32Array.from({ length: tensor.size }, () => random.normal()));
      buffers.set(tensor, buffer);
      return [name, tensor];
    }),
  ) as Record<keyof typeof shapes, Tensor>;
  console.log(`length ${length}, head size ${size}, ${heads} heads, ${sequences} sequences`);
  for (const kind of KINDS) {
    const runs: { name: string; encode: (pass: GPUComputePassEncoder) => void; best: number }[] = [];
    for (const [name, form] of Object.entries(forms)) {
      if (!wanted.includes(name.split('-')[0]!)) continue;
      const forward = { qkv: tensors.qkv, output: tensors.output, lse: tensors.lse };
      const dispatch =
        kind === 'forward'
          ? form.forward(pass, forward)
          : kind === 'query-gradient'
            ? form.queryGradient(pass, tensors)
            : form.keyGradient(pass, tensors);
      runs.push({ name, encode: await prepare(dispatch, buffers), best: Infinity });
    }
    for (let round = 0; round < rounds; round++) {
      for (const run of runs) {
        const encoder = gpu.device.createCommandEncoder();
        const encoded = encoder.beginComputePass();
        run.encode(encoded);
        encoded.end();
        const start = clock();
        gpu.device.queue.submit([encoder.finish()]);
        await gpu.idle();
        run.best = Math.min(run.best, clock() - start);
      }
    }
    const flops = passFlops(kind, pass);
    const naive = runs.find((run) => run.name === 'naive')?.best;
    const rowsPerLane = lanesRows(kind, length, size, gpu.info.subgroupSize || 8);
    const report = runs.map(({ name, best }) => {
      const ratio = naive && name !== 'naive' ? `, ×${(naive / best).toFixed(1)}` : '';
      const blocking = name === 'lanes' ? ` (${rowsPerLane})` : '';
      return `${name}${blocking} ${best.toFixed(2)} ms ${(flops / best / 1e6).toFixed(1)} GFLOP/s${ratio}`;
    });
    console.log(`  ${kind.padEnd(14)} ${report.join(' | ')}`);
  }
  for (const buffer of buffers.values()) buffer.destroy();
}
gpu.close();
