/**
 * Sum of two tensors of one shape. It lives here and not in `ops/` because the gradient walk itself needs it, for
 * values that are used more than once.
 */
import { spread, SPREAD_INDEX, type Kernel } from './kernel';
import type { OpDefinition } from './tensor';

/** Four vec4 per thread: the fastest element-wise form on software devices, and fine on GPUs. */
const kernel = (inPlace: boolean): Kernel => ({
  key: `add/${inPlace ? 'in-place' : 'new'}`,
  bindings: inPlace ? ['a: f32', 'b: f32'] : ['a: f32', 'b: f32', 'y: f32'],
  params: ['size'],
  workgroup: [64, 1, 1],
  main: `
  let first = (${SPREAD_INDEX} * 64u + lane) * 16u;
  for (var i = first; i < min(first + 16u, p.size); i++) {
    ${inPlace ? 'a[i] = a[i] + b[i];' : 'y[i] = a[i] + b[i];'}
  }`,
});

const kernelVec4 = (inPlace: boolean): Kernel => ({
  key: `add/${inPlace ? 'in-place' : 'new'}/vec4`,
  bindings: inPlace ? ['a: vec4f', 'b: vec4f'] : ['a: vec4f', 'b: vec4f', 'y: vec4f'],
  params: ['size'],
  workgroup: [64, 1, 1],
  main: `
  let first = (${SPREAD_INDEX} * 64u + lane) * 4u;
  for (var i = first; i < min(first + 4u, p.size); i++) {
    ${inPlace ? 'a[i] = a[i] + b[i];' : 'y[i] = a[i] + b[i];'}
  }`,
});

/** y = a + b; with `inPlace`, a += b and no output. */
export const addOp: OpDefinition<{ inPlace?: boolean }> = {
  name: 'add',
  outputs: ([a], { inPlace }) => (inPlace ? [] : [{ shape: a!.shape }]),
  gradient: ({ gradientOf }) => [gradientOf(0), gradientOf(0)],
  lower: ({ inputs, outputs, attributes: { inPlace = false } }) => {
    const [a, b] = [inputs[0]!, inputs[1]!];
    if (a.size !== b.size) throw new Error(`add: sizes ${a.shape} and ${b.shape} differ`);
    const vec4 = a.size % 4 === 0;
    const size = vec4 ? a.size / 4 : a.size;
    return [
      {
        kernel: vec4 ? kernelVec4(inPlace) : kernel(inPlace),
        tensors: inPlace ? [a, b] : [a, b, outputs[0]!],
        params: { size },
        workgroups: spread(Math.ceil(size / (vec4 ? 256 : 1024))),
      },
    ];
  },
};
