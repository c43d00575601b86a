/**
 * Sum of two tensors of one shape. It lives here and not in `ops/` because the gradient walk itself needs it, for
 * values that are used more than once.
 */
import { spread, SPREAD_INDEX, type Kernel } from './kernel';
import type { OpDefinition } from './tensor';

type Form = 'new' | 'in-place' | 'twice';

/** Four vec4 per thread: the fastest element-wise form on software devices, and fine on GPUs. */
const kernel = (form: Form, element: 'f32' | 'vec4f'): Kernel => ({
  key: `add/${form}/${element}`,
  bindings: { new: ['a', 'b', 'y'], 'in-place': ['a', 'b'], twice: ['a', 'y'] }[form].map((name) => `${name}: ${element}`),
  params: ['size'],
  workgroup: [64, 1, 1],
  main: `
  let first = (${SPREAD_INDEX} * 64u + lane) * 4u;
  for (var i = first; i < min(first + 4u, p.size); i++) {
    ${{ new: 'y[i] = a[i] + b[i];', 'in-place': 'a[i] = a[i] + b[i];', twice: 'y[i] = a[i] + a[i];' }[form]}
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
    // One tensor may not be bound twice where a kernel writes.
    const form: Form = inPlace ? 'in-place' : a === b ? 'twice' : 'new';
    return [
      {
        kernel: kernel(form, vec4 ? 'vec4f' : 'f32'),
        tensors: { new: [a, b, outputs[0]!], 'in-place': [a, b], twice: [a, outputs[0]!] }[form],
        params: { size },
        workgroups: spread(Math.ceil(size / 256)),
      },
    ];
  },
};
