/**
 * Multi-head self-attention over groups of sequences, softmax(q kᵀ · scale) v, without the matrix of weights: it is
 * made tile by tile with a running maximum and sum (Dao et al. 2022, FlashAttention, algorithm 1), and made again in
 * the backward pass from the saved log-sum-exp (algorithm 4).
 *
 * Backward, per head, with P the weights and D_i = Σ dO_i · O_i:  dV = Pᵀ dO,  dP = dO Vᵀ,  dS = P ∘ (dP − D),
 * dQ = scale · dS K,  dK = scale · dSᵀ Q. One pass owns rows of dQ, one owns rows of dK and dV: nothing is added up by
 * several workgroups, so results do not depend on their order.
 */
import type { Graph, GraphNode, Lowering, OpDefinition, Tensor, Variant, Dispatch } from '../graph';
import { lanesAttention, lanesAvailable } from './attention-lanes';
import { naiveAttention } from './attention-naive';
import type { AttentionForm, AttentionGroup, AttentionPass, PassKind } from './attention-pass';
import { tileAttention } from './attention-tile';

export type { AttentionGroup } from './attention-pass';

export interface AttentionOptions {
  heads: number;
  /** Together they cover every row once, in order. */
  groups: readonly AttentionGroup[];
  /** Default: 1 / √(columns per head), as in the original. */
  scale?: number;
}

interface AttentionAttributes {
  heads: number;
  groups: readonly AttentionGroup[];
  scale: number;
}

/**
 * Self-attention.
 * @param qkv [rows, 3 D]: queries of all heads, then keys, then values; head h has columns h·d … h·d + d − 1 of each
 *   third (timm's layout). d must be a multiple of 4.
 * @returns [rows, D]
 */
export function attention(graph: Graph, qkv: Tensor, options: AttentionOptions): Tensor {
  return graph.one(attentionOp, [qkv], attributesOf(qkv, options));
}

/** Columns of one head. */
export const headSize = (qkv: Tensor, heads: number): number => qkv.columns / (3 * heads);

function attributesOf(qkv: Tensor, { heads, groups, scale }: AttentionOptions): AttentionAttributes {
  const size = headSize(qkv, heads);
  if (size % 4 !== 0) throw new Error(`attention: ${qkv.columns} columns are not 3 × ${heads} heads of a multiple of 4`);
  let row = 0;
  for (const group of groups) {
    if (group.row !== row || group.length < 1) throw new Error(`attention: group at row ${group.row}, expected ${row}`);
    row += group.sequences * group.length;
  }
  if (row !== qkv.rows) throw new Error(`attention: groups cover ${row} of ${qkv.rows} rows`);
  return { heads, groups, scale: scale ?? size ** -0.5 };
}

/** The forms of one kind of pass, group by group, best guess for the device first. */
function passes(
  kind: PassKind,
  { heads, groups, scale }: AttentionAttributes,
  qkv: Tensor,
  lowering: Lowering,
  build: (form: AttentionForm, pass: AttentionPass) => Dispatch,
): Dispatch[] {
  const size = headSize(qkv, heads);
  const { gpu } = lowering;
  return groups
    .filter((group) => group.sequences > 0)
    .flatMap((group) => {
      const pass: AttentionPass = { ...group, heads, size, scale };
      const variant = (name: string, suits: Variant['suits'], form: AttentionForm, available = true): Variant => ({
        name,
        suits,
        available,
        build: () => [build(form, pass)],
      });
      const tile = variant('tile', 'gpu', tileAttention, tileAttention.fits(size));
      const lanes = variant('lanes', 'software', lanesAttention(gpu), lanesAvailable(gpu));
      const naive = variant('naive', 'none', naiveAttention);
      const order = gpu.info.software ? [lanes, naive, tile] : [tile, naive];
      return lowering.choose(`attention-${kind}`, `${pass.length},${size}`, order);
    });
}

export const attentionOp: OpDefinition<AttentionAttributes> = {
  name: 'attention',
  outputs: ([qkv], { heads }) => [{ shape: [qkv!.rows, qkv!.columns / 3] }, { shape: [qkv!.rows, heads] }],
  gradient: ({ graph, node, inputs, outputs, attributes, gradientOf }) => {
    const dy = gradientOf(0);
    if (gradientOf(1)) throw new Error(`${node.op.name}: the log-sum-exp is for the backward pass only`);
    return [dy && graph.one(attentionGradientOp, [inputs[0], outputs[0], outputs[1], dy], attributes)];
  },
  lower: ({ inputs, outputs, attributes }, lowering) => {
    const tensors = { qkv: inputs[0]!, output: outputs[0]!, lse: outputs[1]! };
    return passes('forward', attributes, tensors.qkv, lowering, (form, pass) => form.forward(pass, tensors));
  },
};

/** Inputs qkv, output, lse, gradient of the output; output: gradient of qkv. */
const attentionGradientOp: OpDefinition<AttentionAttributes> = {
  name: 'attention-gradient',
  outputs: ([qkv]) => [{ shape: qkv!.shape }],
  lower: ({ inputs, outputs, attributes }: GraphNode<AttentionAttributes>, lowering) => {
    const tensors = {
      qkv: inputs[0]!,
      output: inputs[1]!,
      lse: inputs[2]!,
      outputGradient: inputs[3]!,
      delta: lowering.scratch(inputs[2]!.shape),
      qkvGradient: outputs[0]!,
    };
    const { qkv } = tensors;
    return [
      ...passes('query-gradient', attributes, qkv, lowering, (form, pass) => form.queryGradient(pass, tensors)),
      ...passes('key-gradient', attributes, qkv, lowering, (form, pass) => form.keyGradient(pass, tensors)),
    ];
  },
};
