/**
 * The rows that enter the first block: [CLS] and patch tokens with their positions, masked patches replaced
 * (iBOT, `models/vision_transformer.py`: `mask_model` and `prepare_tokens`). Crops of one size form a group; the rows of
 * all groups lie one after another.
 */
import { spread, SPREAD_INDEX, type Graph, type GradientContext, type Kernel, type OpDefinition, type Tensor } from '../graph';

/** Crops of one size: how many, and the patches of each. */
export interface TokenGroup {
  sequences: number;
  patches: number;
}

interface Placed extends TokenGroup {
  length: number;
  /** First row among the tokens, and among the patches. */
  tokenRow: number;
  patchRow: number;
}

interface Attributes {
  groups: readonly TokenGroup[];
}

function place(groups: readonly TokenGroup[]): Placed[] {
  let tokenRow = 0;
  let patchRow = 0;
  return groups.map((group) => {
    const placed = { ...group, length: group.patches + 1, tokenRow, patchRow };
    tokenRow += group.sequences * placed.length;
    patchRow += group.sequences * group.patches;
    return placed;
  });
}

const sizes = (group: Placed, width: number): Record<string, number> => ({
  size: (group.sequences * group.length * width) / 4,
  columns: width / 4,
  length: group.length,
  tokenRow: group.tokenRow,
  patchRow: group.patchRow,
});
const SIZES = ['size', 'columns', 'length', 'tokenRow', 'patchRow'];

/** Four vec4 per thread; `token` is the place in the sequence, `patchRow` the row among all patches. */
const overTokens = (body: string): string => `
  let begin = (${SPREAD_INDEX} * 64u + lane) * 4u;
  for (var i = begin; i < min(begin + 4u, p.size); i++) {
    let row = i / p.columns;
    let column = i % p.columns;
    let token = row % p.length;
    let patchRow = p.patchRow + (row / p.length) * (p.length - 1u) + token - 1u;
    ${body}
  }`;

const forwardKernel = (masked: boolean): Kernel => ({
  key: `tokens/${masked ? 'masked' : 'plain'}`,
  bindings: [
    'patches: vec4f',
    'cls: vec4f',
    'positions: vec4f',
    'y: vec4f',
    ...(masked ? ['replacement: vec4f', 'mask: u32'] : []),
  ],
  params: SIZES,
  workgroup: [64, 1, 1],
  main: overTokens(`
    var value: vec4f;
    if (token == 0u) { value = cls[column]; }
    ${masked ? 'else if (mask[patchRow] != 0u) { value = replacement[column]; }' : ''}
    else { value = patches[patchRow * p.columns + column]; }
    y[p.tokenRow * p.columns + i] = value + positions[token * p.columns + column];`),
});

const patchesKernel = (masked: boolean): Kernel => ({
  key: `tokens/patch-gradient/${masked ? 'masked' : 'plain'}`,
  bindings: ['dy: vec4f', 'dx: vec4f', ...(masked ? ['mask: u32'] : [])],
  params: SIZES,
  workgroup: [64, 1, 1],
  main: overTokens(`
    if (token == 0u) { continue; }
    var value = vec4f();
    ${masked ? 'if (mask[patchRow] == 0u)' : ''} { value = dy[p.tokenRow * p.columns + i]; }
    dx[patchRow * p.columns + column] = value;`),
});

/** Gradient of the patches: [dy, mask?] → dx. */
const patchesGradientOp: OpDefinition<Attributes> = {
  name: 'tokens.patches',
  outputs: ([dy], { groups }) => [{ shape: [groups.reduce((n, g) => n + g.sequences * g.patches, 0), dy!.columns] }],
  lower: ({ inputs: [dy, mask], outputs, attributes: { groups } }) =>
    place(groups).map((group) => ({
      kernel: patchesKernel(mask !== undefined),
      tensors: [dy!, outputs[0]!, ...(mask ? [mask] : [])],
      params: sizes(group, dy!.columns),
      workgroups: spread(Math.ceil((group.sequences * group.length * dy!.columns) / 4 / 256)),
    })),
};

/** One thread per position and vec4 walks the sequences in order, with two sums to halve the chain of roundings. */
const positionsKernel = (add: boolean): Kernel => ({
  key: `tokens/position-gradient/${add ? 'add' : 'set'}`,
  bindings: ['dy: vec4f', 'out: vec4f'],
  params: ['size', 'sequences', 'begin'],
  workgroup: [64, 1, 1],
  main: `
  let i = ${SPREAD_INDEX} * 64u + lane;
  if (i >= p.size) { return; }
  var even = vec4f();
  var odd = vec4f();
  for (var s = 0u; s + 1u < p.sequences; s += 2u) {
    even += dy[p.begin + s * p.size + i];
    odd += dy[p.begin + (s + 1u) * p.size + i];
  }
  if (p.sequences % 2u == 1u) { even += dy[p.begin + (p.sequences - 1u) * p.size + i]; }
  out[i] = ${add ? 'out[i] + ' : ''}(even + odd);`,
});

/** Gradient of one group's positions: [dy, sum to add to?]. */
const positionsGradientOp: OpDefinition<Attributes & { group: number; shape: readonly number[] }> = {
  name: 'tokens.positions',
  outputs: ([, into], { shape }) => (into ? [] : [{ shape }]),
  lower: ({ inputs: [dy, into], outputs, attributes: { groups, group } }) => {
    const { length, sequences, tokenRow } = place(groups)[group]!;
    const columns = dy!.columns / 4;
    return [
      {
        kernel: positionsKernel(into !== undefined),
        tensors: [dy!, into ?? outputs[0]!],
        params: { size: length * columns, sequences, begin: tokenRow * columns },
        workgroups: spread(Math.ceil((length * columns) / 64)),
      },
    ];
  },
};

/** Sums of at most this many slices per group are added up by the last kernel. */
const SLICES = 64;

/** Sum of one slice of rows: the first token of each sequence, or the tokens of the masked patches. */
const sliceKernel = (masked: boolean): Kernel => ({
  key: `tokens/row-sums/${masked ? 'masked' : 'first'}`,
  bindings: ['dy: vec4f', 'sums: vec4f', ...(masked ? ['mask: u32'] : [])],
  params: ['columns', 'rows', 'perSlice', 'length', 'tokenRow', 'patchRow', 'slice', 'slices'],
  workgroup: [64, 1, 1],
  main: `
  let i = ${SPREAD_INDEX} * 64u + lane;
  let slice = i / p.columns;
  let column = i % p.columns;
  if (slice >= p.slices) { return; }
  var sum = vec4f();
  let end = min((slice + 1u) * p.perSlice, p.rows);
  for (var r = slice * p.perSlice; r < end; r++) {
    ${
      masked
        ? `if (mask[p.patchRow + r] == 0u) { continue; }
    let row = p.tokenRow + r / (p.length - 1u) * p.length + 1u + r % (p.length - 1u);`
        : 'let row = p.tokenRow + r * p.length;'
    }
    sum += dy[row * p.columns + column];
  }
  sums[(p.slice + slice) * p.columns + column] = sum;`,
});

const slicesKernel = (add: boolean): Kernel => ({
  key: `tokens/row-sums/${add ? 'add' : 'set'}`,
  bindings: ['sums: vec4f', 'out: vec4f'],
  params: ['columns', 'slices'],
  workgroup: [64, 1, 1],
  main: `
  let column = ${SPREAD_INDEX} * 64u + lane;
  if (column >= p.columns) { return; }
  var sum = vec4f();
  for (var s = 0u; s < p.slices; s++) { sum += sums[s * p.columns + column]; }
  out[column] = ${add ? 'out[column] + ' : ''}sum;`,
});

/** Gradient of the [CLS] token, or with a mask of the masked embedding: [dy, mask?, sum to add to?]. */
const rowSumOp: OpDefinition<Attributes & { shape: readonly number[] }> = {
  name: 'tokens.sum',
  outputs: ([, , into], { shape }) => (into ? [] : [{ shape }]),
  lower: ({ inputs: [dy, mask, into], outputs, attributes: { groups } }, { scratch }) => {
    const columns = dy!.columns / 4;
    let slice = 0;
    const parts = place(groups).map((group) => {
      const rows = group.sequences * (mask ? group.patches : 1);
      const perSlice = Math.max(8, Math.ceil(rows / SLICES));
      const part = { ...group, columns, rows, perSlice, slice, slices: Math.ceil(rows / perSlice) };
      slice += part.slices;
      return part;
    });
    const sums = scratch([slice, dy!.columns]);
    return [
      ...parts.map((params) => ({
        kernel: sliceKernel(mask !== undefined),
        tensors: [dy!, sums, ...(mask ? [mask] : [])],
        params: params as unknown as Record<string, number>,
        workgroups: spread(Math.ceil((params.slices * columns) / 64)),
      })),
      {
        kernel: slicesKernel(into !== undefined),
        tensors: [sums, into ?? outputs[0]!],
        params: { columns, slices: slice },
        workgroups: spread(Math.ceil(columns / 64)),
      },
    ];
  },
};

const PATCHES = 0;
const CLS = 1;
const MASKED = 2;
const MASK = 3;
const POSITIONS = 4;

function tokenGradients(context: GradientContext<Attributes>): (Tensor | undefined)[] {
  const { graph, inputs, attributes, wants, into } = context;
  const dy = context.gradientOf(0)!;
  const mask = inputs[MASK];
  return inputs.map((input, i) => {
    if (!input || !wants(i)) return undefined;
    if (i === PATCHES) return graph.one(patchesGradientOp, [dy, mask], attributes);
    const shape = input.shape;
    if (i === CLS) return graph.add(rowSumOp, [dy, undefined, into(i)], { ...attributes, shape })[0];
    if (i === MASKED) return graph.add(rowSumOp, [dy, mask, into(i)], { ...attributes, shape })[0];
    return graph.add(positionsGradientOp, [dy, into(i)], { ...attributes, group: i - POSITIONS, shape })[0];
  });
}

/** Inputs: patches, [CLS], masked embedding?, mask?, then the positions of each group. */
export const assembleTokensOp: OpDefinition<Attributes> = {
  name: 'tokens',
  outputs: ([patches], { groups }) => [
    { shape: [groups.reduce((rows, g) => rows + g.sequences * (1 + g.patches), 0), patches!.columns] },
  ],
  gradient: tokenGradients,
  lower: ({ inputs, outputs, attributes: { groups } }) => {
    const [patches, cls, replacement, mask] = inputs;
    return place(groups).map((group, g) => ({
      kernel: forwardKernel(mask !== undefined),
      tensors: [patches!, cls!, inputs[POSITIONS + g]!, outputs[0]!, ...(mask ? [replacement!, mask] : [])],
      params: sizes(group, patches!.columns),
      workgroups: spread(Math.ceil((group.sequences * group.length * patches!.columns) / 4 / 256)),
    }));
  },
};

/**
 * Row 0 of a sequence is cls + positions[0]; row 1 + i is (masked ? maskedEmbed : patch i) + positions[1 + i].
 * @param patches f32 [patch rows of all groups, D], D a multiple of 4
 * @param cls f32 [1, 1, D]
 * @param positions one tensor of (1 + patches)·D elements per group
 * @param maskedEmbed f32 [1, D], with `mask` u32 [patch rows of all groups] (1 = replaced), or neither
 * @returns f32 [Σ sequences·(1 + patches), D]
 */
export function assembleTokens(
  graph: Graph,
  patches: Tensor,
  cls: Tensor,
  positions: readonly Tensor[],
  maskedEmbed: Tensor | undefined,
  mask: Tensor | undefined,
  attributes: { groups: readonly TokenGroup[] },
): Tensor {
  const { groups } = attributes;
  const width = patches.columns;
  const rows = groups.reduce((n, g) => n + g.sequences * g.patches, 0);
  if (width % 4 !== 0) throw new Error(`tokens: width ${width} is not a multiple of 4`);
  if (patches.rows !== rows || cls.size !== width) throw new Error(`tokens: ${patches.rows} patches where groups have ${rows}`);
  if (positions.length !== groups.length || positions.some((t, g) => t.size !== (1 + groups[g]!.patches) * width)) {
    throw new Error('tokens: one position embedding of the right size per group is needed');
  }
  if ((mask === undefined) !== (maskedEmbed === undefined) || (mask && mask.size !== rows)) {
    throw new Error(`tokens: a mask of ${rows} entries and a masked embedding belong together`);
  }
  return graph.one(assembleTokensOp, [patches, cls, maskedEmbed, mask, ...positions], { groups });
}
