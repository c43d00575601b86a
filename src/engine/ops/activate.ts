/** An activation on its own, where something stands between the product and it (a norm in the head). */
import { spread, SPREAD_INDEX, type Graph, type Kernel, type OpDefinition, type Tensor } from '../graph';
import { activationGradientOp, activationText, type Activation } from './activation';

const kernel = (activation: Activation): Kernel => ({
  key: `activate/${activation}`,
  bindings: ['x: f32', 'y: f32'],
  params: ['size'],
  workgroup: [64, 1, 1],
  declarations: activationText(activation, 'f32'),
  main: `
  let first = (${SPREAD_INDEX} * 64u + lane) * 4u;
  for (var i = first; i < min(first + 4u, p.size); i++) { y[i] = activate(x[i]); }`,
});

export const activateOp: OpDefinition<{ activation: Activation }> = {
  name: 'activate',
  outputs: ([x]) => [{ shape: x!.shape }],
  gradient: ({ graph, inputs, attributes, gradientOf }) => {
    const dy = gradientOf(0);
    return [dy && graph.one(activationGradientOp, [dy, inputs[0]], attributes)];
  },
  lower: ({ inputs, outputs, attributes }) => [
    {
      kernel: kernel(attributes.activation),
      tensors: [inputs[0]!, outputs[0]!],
      params: { size: inputs[0]!.size },
      workgroups: spread(Math.ceil(inputs[0]!.size / 256)),
    },
  ],
};

/** act(x), element by element. */
export function activate(graph: Graph, x: Tensor, activation: Activation): Tensor {
  return graph.one(activateOp, [x], { activation });
}
