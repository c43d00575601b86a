/** Reverse-mode gradients: the ops' own rules, applied from the last node to the first. */
import type { GradientContext, Graph, GraphNode, Tensor } from './tensor';
import { addOp } from './add';

/**
 * Adds to the graph what computes the gradients of every parameter that `seeds` depend on.
 * @param seeds pairs of a tensor and the gradient of the loss with respect to it (same shape)
 * @returns the gradients of inputs that are no parameters but were marked `requiresGradient`, by tensor
 */
export function addGradients(graph: Graph, seeds: readonly (readonly [Tensor, Tensor])[]): Map<Tensor, Tensor> {
  const sums = new Map<Tensor, Tensor>();
  const accumulate = (tensor: Tensor, gradient: Tensor): void => {
    const before = sums.get(tensor);
    sums.set(tensor, before ? graph.one(addOp, [before, gradient], {}) : gradient);
  };
  for (const [tensor, gradient] of seeds) accumulate(tensor, gradient);

  const forward = graph.nodes.slice();
  for (let i = forward.length - 1; i >= 0; i--) {
    const node = forward[i] as GraphNode;
    if (!node.op.gradient || !node.outputs.some((t) => sums.has(t))) continue;
    const absorbed = new Set<number>();
    const context: GradientContext<unknown> = {
      graph,
      node,
      inputs: node.inputs,
      outputs: node.outputs,
      attributes: node.attributes,
      gradientOf: (output) => sums.get(node.outputs[output]!),
      wants: (input) => node.inputs[input]?.requiresGradient ?? false,
      into: (input) => node.inputs[input]?.gradient,
      soFar: (input) => (node.inputs[input] ? sums.get(node.inputs[input]!) : undefined),
      absorbed: (input) => absorbed.add(input),
    };
    const results = node.op.gradient(context);
    node.inputs.forEach((input, j) => {
      const gradient = results[j];
      if (!input || !gradient || !input.requiresGradient) return;
      if (absorbed.has(j)) sums.set(input, gradient);
      else if (input.gradient) graph.one(addOp, [input.gradient, gradient], { inPlace: true });
      else accumulate(input, gradient);
    });
    if (graph.marks.includes(i)) graph.mark();
  }
  for (const tensor of [...sums.keys()]) if (tensor.node) sums.delete(tensor);
  return sums;
}
