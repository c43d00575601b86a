/**
 * The projection head of the original (models/head.py): an MLP to a bottleneck, rows normalised to length 1, and
 * weight-normalised last layers without bias, one for [CLS] and one for patches, or one shared by both.
 */
import type { Graph, Tensor } from '../graph';
import { activate, layerNorm, linear, normaliseRows, weightNorm } from '../ops';
import { defaultUniform, type ParameterSpec } from './parameters';

export interface HeadConfig {
  inDim: number;
  /** Linear layers of the MLP, the one to the bottleneck included. */
  layers: number;
  hiddenDim: number;
  /** 0: no bottleneck, no normalisation, plain last layers. */
  bottleneckDim: number;
  outDim: number;
  patchOutDim: number;
  /** One last layer serves [CLS] and patches. */
  shared: boolean;
  /** `weight_g` of the last layers stays 1. */
  normLastLayer: boolean;
  activation: 'gelu' | 'relu';
  norm: 'none' | 'ln';
}

interface Layer {
  linear: string;
  norm?: string;
}

/** Names of the MLP's layers in PyTorch's Sequential. With a norm, one module serves all hidden layers. */
function mlpLayers(config: HeadConfig): Layer[] {
  if (config.layers === 1) return [{ linear: 'mlp' }];
  const layers: Layer[] = [];
  let index = 0;
  for (let i = 0; i < config.layers; i++) {
    const hidden = i < config.layers - 1;
    const layer: Layer = { linear: `mlp.${index++}` };
    if (hidden && config.norm === 'ln') {
      layer.norm = 'mlp.1';
      index++;
    }
    if (hidden) index++;
    layers.push(layer);
  }
  return layers;
}

/** The official names in the order of the forward pass, each with `prefix` before it. */
export function headParameters(config: HeadConfig, prefix = ''): ParameterSpec[] {
  const specs: ParameterSpec[] = [];
  const add = (name: string, shape: number[], initialiser: ParameterSpec['initialiser'], trainable = true): void => {
    specs.push({ name: prefix + name, shape, initialiser, trainable });
  };
  const layers = mlpLayers(config);
  layers.forEach((layer, i) => {
    const into = i === 0 ? config.inDim : config.hiddenDim;
    const last = i === layers.length - 1;
    const out = !last ? config.hiddenDim : config.bottleneckDim > 0 ? config.bottleneckDim : config.outDim;
    add(`${layer.linear}.weight`, [out, into], { kind: 'normal' });
    add(`${layer.linear}.bias`, [out], { kind: 'zeros' });
    if (layer.norm && i === 0) {
      add(`${layer.norm}.weight`, [config.hiddenDim], { kind: 'ones' });
      add(`${layer.norm}.bias`, [config.hiddenDim], { kind: 'zeros' });
    }
  });
  if (config.bottleneckDim > 0) {
    const lastLayer = (name: string, out: number): void => {
      add(`${name}.weight_g`, [out, 1], { kind: 'ones' }, !config.normLastLayer);
      add(`${name}.weight_v`, [out, config.bottleneckDim], defaultUniform(config.bottleneckDim));
    };
    lastLayer('last_layer', config.outDim);
    if (!config.shared) lastLayer('last_layer2', config.patchOutDim);
  } else if (!config.shared) {
    const into = config.layers > 1 ? config.hiddenDim : config.inDim;
    add('mlp2.weight', [config.patchOutDim, into], defaultUniform(into));
    add('mlp2.bias', [config.patchOutDim], defaultUniform(into));
  }
  return specs;
}

/** The MLP up to and without its last linear layer: [rows, hidden]. */
function hiddenLayers(graph: Graph, p: (name: string) => Tensor, config: HeadConfig, x: Tensor, rowCount?: RowCount): Tensor {
  for (const layer of mlpLayers(config).slice(0, -1)) {
    const bias = p(`${layer.linear}.bias`);
    const weight = p(`${layer.linear}.weight`);
    if (layer.norm) {
      const y = linear(graph, x, weight, { bias, rowCount });
      const n = layerNorm(graph, y, p(`${layer.norm}.weight`), p(`${layer.norm}.bias`), { eps: 1e-5 });
      x = activate(graph, n, config.activation);
    } else {
      x = linear(graph, x, weight, { bias, activation: config.activation, rowCount });
    }
  }
  return x;
}

/** Valid rows as data: a one-element u32 tensor. */
export interface RowCount {
  tensor: Tensor;
  subtract?: number;
}

/** Tokens [rows, D] → normalised bottleneck rows [rows, bottleneck]. */
export function headBottleneck(graph: Graph, p: (name: string) => Tensor, config: HeadConfig, x: Tensor, rowCount?: RowCount): Tensor {
  const last = mlpLayers(config).at(-1)!;
  const hidden = hiddenLayers(graph, p, config, x, rowCount);
  const y = linear(graph, hidden, p(`${last.linear}.weight`), { bias: p(`${last.linear}.bias`), rowCount });
  return normaliseRows(graph, y, rowCount?.tensor);
}

/** The effective weight of a last layer: g · v / ‖v‖, [out, bottleneck]. */
export function lastLayerWeight(graph: Graph, p: (name: string) => Tensor, name: 'last_layer' | 'last_layer2'): Tensor {
  return weightNorm(graph, p(`${name}.weight_v`), p(`${name}.weight_g`));
}

/** Logits of tokens [rows, D] by the [CLS] layer or the patch layer: [rows, out]. For looking and for the reference. */
export function headLogits(graph: Graph, p: (name: string) => Tensor, config: HeadConfig, x: Tensor, kind: 'cls' | 'patch'): Tensor {
  const second = kind === 'patch' && !config.shared;
  if (config.bottleneckDim > 0) {
    const weight = lastLayerWeight(graph, p, second ? 'last_layer2' : 'last_layer');
    return linear(graph, headBottleneck(graph, p, config, x), weight, {});
  }
  const name = second ? 'mlp2' : mlpLayers(config).at(-1)!.linear;
  const hidden = hiddenLayers(graph, p, config, x);
  return linear(graph, hidden, p(`${name}.weight`), { bias: p(`${name}.bias`) });
}
