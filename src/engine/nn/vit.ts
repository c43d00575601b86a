/**
 * The vision transformer of the original (models/vision_transformer.py): patch embedding, class token, interpolated
 * position embedding, pre-norm blocks, final norm. All crops go through each dense layer in one call, rows of all
 * crops together; only attention knows which rows belong to which sequence.
 */
import type { Graph, Tensor } from '../graph';
import { assembleTokens, attention, interpolatePositions, layerNorm, linear, meanPool } from '../ops';
import { defaultUniform, type ParameterSpec } from './parameters';

export interface VitConfig {
  /** Side of the pictures that the position embedding is made for, in pixels. */
  imgSize: number;
  patchSize: number;
  embedDim: number;
  depth: number;
  numHeads: number;
  mlpRatio: number;
  /** Has `masked_embed`: the student's network does, the teacher's does not. */
  maskedImageModeling: boolean;
  /** The mean of the patch tokens, normed by `fc_norm`, in place of the normed class token. */
  meanPooling?: boolean;
}

export const NORM_EPS = 1e-6;

/** The official names, in the order of the forward pass, each with `prefix` before it. */
export function vitParameters(config: VitConfig, prefix = ''): ParameterSpec[] {
  const { embedDim: d, patchSize: p } = config;
  const hidden = Math.round(d * config.mlpRatio);
  const grid = config.imgSize / p;
  const specs: ParameterSpec[] = [];
  const add = (name: string, shape: number[], initialiser: ParameterSpec['initialiser']): void => {
    specs.push({ name: prefix + name, shape, initialiser, trainable: true });
  };
  const norm = (name: string): void => {
    add(`${name}.weight`, [d], { kind: 'ones' });
    add(`${name}.bias`, [d], { kind: 'zeros' });
  };
  const dense = (name: string, out: number, into: number): void => {
    add(`${name}.weight`, [out, into], { kind: 'normal' });
    add(`${name}.bias`, [out], { kind: 'zeros' });
  };
  add('cls_token', [1, 1, d], { kind: 'normal' });
  add('pos_embed', [1, 1 + grid * grid, d], { kind: 'normal' });
  if (config.maskedImageModeling) add('masked_embed', [1, d], { kind: 'zeros' });
  add('patch_embed.proj.weight', [d, 3, p, p], defaultUniform(3 * p * p));
  add('patch_embed.proj.bias', [d], defaultUniform(3 * p * p));
  for (let i = 0; i < config.depth; i++) {
    norm(`blocks.${i}.norm1`);
    dense(`blocks.${i}.attn.qkv`, 3 * d, d);
    dense(`blocks.${i}.attn.proj`, d, d);
    norm(`blocks.${i}.norm2`);
    dense(`blocks.${i}.mlp.fc1`, hidden, d);
    dense(`blocks.${i}.mlp.fc2`, d, hidden);
  }
  norm(config.meanPooling ? 'fc_norm' : 'norm');
  return specs;
}

/** Sequences of one size: `sequences` pictures of rows × columns patches. */
export interface CropGroup {
  sequences: number;
  rows: number;
  columns: number;
}

export interface VitInput {
  /** Patch rows of all groups, one after another: [Σ sequences·rows·columns, 3·patch²]. */
  patches: Tensor;
  groups: readonly CropGroup[];
  /** u32 per patch row of all groups, 1 = replaced by `masked_embed`. */
  mask?: Tensor;
  /**
   * Stochastic depth: `table` [2·depth, sequences of all groups] holds 0 or 1/(1 − rate) for block·2 (attention) and
   * block·2 + 1 (mlp); `sequence` is the u32 map from row to sequence; blocks with rate 0 are left out.
   */
  dropPath?: { table: Tensor; sequence: Tensor; rates: readonly number[] };
}

export interface VitOutput {
  /** All tokens after the last norm: [Σ sequences·(1 + patches), D]. */
  tokens: Tensor;
  /** Output of each block before the norm. */
  blocks: Tensor[];
  /** qkv of each block, for attention maps. */
  qkv: Tensor[];
}

export const tokensOf = (group: CropGroup): number => 1 + group.rows * group.columns;

/** Position embedding for a group: [1 + patches, D]. */
export function positionsFor(graph: Graph, p: (name: string) => Tensor, group: CropGroup): Tensor {
  return interpolatePositions(graph, p('pos_embed'), group.rows, group.columns);
}

/** The rates of stochastic depth: linear from 0 in the first block to `rate` in the last. */
export function dropPathRates(rate: number, depth: number): number[] {
  return Array.from({ length: depth }, (_, i) => (depth > 1 ? (rate * i) / (depth - 1) : 0));
}

/** Traces the network. `p` gives the parameter of an official name (without prefix). */
export function vit(graph: Graph, p: (name: string) => Tensor, config: VitConfig, input: VitInput): VitOutput {
  const { embedDim: d, numHeads: heads } = config;
  const { groups } = input;
  const weight = graph.view(p('patch_embed.proj.weight'), [d, 3 * config.patchSize ** 2]);
  const patches = linear(graph, input.patches, weight, { bias: p('patch_embed.proj.bias') });
  let x = assembleTokens(
    graph,
    patches,
    p('cls_token'),
    groups.map((group) => positionsFor(graph, p, group)),
    input.mask ? p('masked_embed') : undefined,
    input.mask,
    { groups: groups.map((g) => ({ sequences: g.sequences, patches: g.rows * g.columns })) },
  );
  let row = 0;
  const attended = groups.map((group) => {
    const placed = { row, sequences: group.sequences, length: tokensOf(group) };
    row += group.sequences * placed.length;
    return placed;
  });
  const sequences = groups.reduce((sum, g) => sum + g.sequences, 0);
  const blocks: Tensor[] = [];
  const allQkv: Tensor[] = [];
  for (let i = 0; i < config.depth; i++) {
    const b = (name: string): Tensor => p(`blocks.${i}.${name}`);
    const drop = input.dropPath;
    const scale = (branch: number) =>
      drop && drop.rates[i]! > 0
        ? { table: drop.table, sequence: drop.sequence, offset: (2 * i + branch) * sequences }
        : undefined;
    graph.mark();
    const n1 = layerNorm(graph, x, b('norm1.weight'), b('norm1.bias'), { eps: NORM_EPS });
    const qkv = linear(graph, n1, b('attn.qkv.weight'), { bias: b('attn.qkv.bias') });
    const a = attention(graph, qkv, { heads, groups: attended });
    x = linear(graph, a, b('attn.proj.weight'), { bias: b('attn.proj.bias'), scale: scale(0), residual: x });
    const n2 = layerNorm(graph, x, b('norm2.weight'), b('norm2.bias'), { eps: NORM_EPS });
    const h = linear(graph, n2, b('mlp.fc1.weight'), { bias: b('mlp.fc1.bias'), activation: 'gelu' });
    x = linear(graph, h, b('mlp.fc2.weight'), { bias: b('mlp.fc2.bias'), scale: scale(1), residual: x });
    blocks.push(x);
    allQkv.push(qkv);
  }
  graph.mark();
  const tokens = config.meanPooling ? x : layerNorm(graph, x, p('norm.weight'), p('norm.bias'), { eps: NORM_EPS });
  return { tokens, blocks, qkv: allQkv };
}

/** The mean of the patch tokens of each sequence, normed by `fc_norm`: [sequences, D] (original: use_mean_pooling). */
export function pooledTokens(graph: Graph, p: (name: string) => Tensor, tokens: Tensor, group: CropGroup): Tensor {
  const mean = meanPool(graph, tokens, { sequences: group.sequences, length: tokensOf(group), skip: 1 });
  return layerNorm(graph, mean, p('fc_norm.weight'), p('fc_norm.bias'), { eps: NORM_EPS });
}
