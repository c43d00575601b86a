/** Layer normalisation over the last axis, as PyTorch's `nn.LayerNorm`. The variance is summed in a second pass, in f32. */
import type { Graph, OpDefinition, Tensor } from '../graph';
import { backward, forward } from './layer-norm-kernels';

/** Inputs x, weight, bias. Outputs y, and per row the mean and 1/σ. */
export const layerNormOp: OpDefinition<{ eps: number }> = {
  name: 'layer-norm',
  outputs: ([x]) => [{ shape: x!.shape }, { shape: [x!.rows] }, { shape: [x!.rows] }],
  gradient: ({ graph, inputs, outputs, gradientOf, wants, into, soFar, absorbed }) => {
    const [x, weight, bias] = inputs;
    const dy = gradientOf(0);
    if (!dy) return [];
    const learns = wants(1) || wants(2);
    const targets = into(1) && into(2) ? [into(1), into(2)] : [];
    const before = wants(0) && !into(0) ? soFar(0) : undefined;
    if (before) absorbed(0);
    const results = graph.add(
      layerNormGradientOp,
      [x, weight, outputs[1], outputs[2], dy, before, ...(learns ? targets : [])],
      { wantsX: wants(0), learns, columns: bias!.size },
    );
    const [dx, dWeight, dBias] = wants(0) ? results : [undefined, ...results];
    return [dx, dWeight, dBias];
  },
  lower: ({ inputs, outputs, attributes: { eps } }, lowering) =>
    forward(lowering, {
      x: inputs[0]!,
      weight: inputs[1]!,
      bias: inputs[2]!,
      y: outputs[0]!,
      mean: outputs[1]!,
      inverse: outputs[2]!,
      eps,
    }),
};

interface LayerNormGradient {
  wantsX: boolean;
  /** Weight and bias want gradients. */
  learns: boolean;
  columns: number;
}

/**
 * Inputs x, weight, mean, 1/σ, dy, what is added to dx, and where to add the parameters' gradients; without those two
 * the parameters' gradients are outputs after dx.
 */
const layerNormGradientOp: OpDefinition<LayerNormGradient> = {
  name: 'layer-norm-gradient',
  outputs: ([x, , , , , , into], { wantsX, learns, columns }) => [
    ...(wantsX ? [{ shape: x!.shape }] : []),
    ...(learns && !into ? [{ shape: [columns] }, { shape: [columns] }] : []),
  ],
  lower: ({ inputs, outputs, attributes: { wantsX, learns } }, lowering) => {
    const [x, weight, mean, inverse, dy, before, intoWeight, intoBias] = inputs;
    const values = outputs.slice(wantsX ? 1 : 0);
    return backward(lowering, {
      x: x!,
      weight: weight!,
      mean: mean!,
      inverse: inverse!,
      dy: dy!,
      dx: wantsX ? outputs[0] : undefined,
      before,
      parameters: learns
        ? { weight: intoWeight ?? values[0]!, bias: intoBias ?? values[1]!, accumulate: intoWeight !== undefined }
        : undefined,
    });
  },
};

/**
 * y = (x − mean) / √(variance + eps) · weight + bias over the last axis (biased variance).
 * @param x [..., C]
 * @param weight [C]
 * @param bias [C]
 * @returns shaped as x
 */
export function layerNorm(graph: Graph, x: Tensor, weight: Tensor, bias: Tensor, { eps }: { eps: number }): Tensor {
  if (weight.size !== x.columns || bias.size !== x.columns) {
    throw new Error(`layerNorm: weight [${weight.shape}] and bias [${bias.shape}] do not fit x [${x.shape}]`);
  }
  return graph.add(layerNormOp, [x, weight, bias], { eps })[0]!;
}
