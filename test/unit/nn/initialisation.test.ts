/** Parameters start as the original's do (models/vision_transformer.py, models/head.py, PyTorch's defaults). */
import { describe, expect, test } from 'vitest';
import { Network, type NetworkConfig } from '../../../src/engine/ibot';

const config: NetworkConfig = {
  backbone: {
    ...{ imgSize: 64, patchSize: 8, embedDim: 96, depth: 3, numHeads: 3, mlpRatio: 4 },
    maskedImageModeling: true,
  },
  head: {
    ...{ inDim: 96, layers: 3, hiddenDim: 128, bottleneckDim: 64, outDim: 512, patchOutDim: 256 },
    ...{ shared: false, normLastLayer: false, activation: 'gelu', norm: 'none' },
  },
  sharedHeadTeacher: false,
};
const network = new Network(config);
const flat = network.student.initialise(7);
const values = new Map([...network.student.named(flat)].map(({ name, values: v }) => [name, v]));

const moments = (v: Float32Array): { mean: number; std: number; most: number } => {
  const mean = v.reduce((sum, x) => sum + x, 0) / v.length;
  return {
    mean,
    std: Math.sqrt(v.reduce((sum, x) => sum + (x - mean) ** 2, 0) / v.length),
    most: v.reduce((most, x) => Math.max(most, Math.abs(x)), 0),
  };
};

describe('initialisation', () => {
  const normal = ['backbone.pos_embed', 'backbone.blocks.1.attn.qkv.weight', 'backbone.blocks.2.mlp.fc2.weight', 'head.mlp.0.weight', 'head.mlp.4.weight'];
  test.each(normal)('%s is normal with a deviation of 0.02', (name) => {
    const v = values.get(name)!;
    const { mean, std, most } = moments(v);
    const error = 5 / Math.sqrt(v.length);
    expect(Math.abs(mean)).toBeLessThan(0.02 * error);
    expect(Math.abs(std / 0.02 - 1)).toBeLessThan(error);
    // A uniform distribution of this deviation would end at 0.035.
    expect(most).toBeGreaterThan(0.055);
  });

  test('the class token is drawn too', () => expect(moments(values.get('backbone.cls_token')!).std).toBeGreaterThan(0.01));

  const uniform: [string, number][] = [
    ['backbone.patch_embed.proj.weight', 1 / Math.sqrt(3 * 64)],
    ['backbone.patch_embed.proj.bias', 1 / Math.sqrt(3 * 64)],
    ['head.last_layer.weight_v', 1 / Math.sqrt(64)],
    ['head.last_layer2.weight_v', 1 / Math.sqrt(64)],
  ];
  test.each(uniform)('%s is uniform within ±%f', (name, bound) => {
    const v = values.get(name)!;
    const { std, most } = moments(v);
    expect(most).toBeLessThanOrEqual(bound);
    expect(most).toBeGreaterThan(bound * (1 - 20 / v.length));
    expect(Math.abs(std / (bound / Math.sqrt(3)) - 1)).toBeLessThan(5 / Math.sqrt(v.length));
  });

  const constant: [string, number][] = [
    ['backbone.masked_embed', 0],
    ['backbone.blocks.0.attn.qkv.bias', 0],
    ['backbone.blocks.0.norm1.weight', 1],
    ['backbone.blocks.0.norm1.bias', 0],
    ['backbone.norm.weight', 1],
    ['head.mlp.2.bias', 0],
    ['head.last_layer.weight_g', 1],
  ];
  test.each(constant)('%s is %d', (name, value) => expect(new Set(values.get(name)!)).toEqual(new Set([value])));

  test('another seed gives other values, the same seed the same', () => {
    expect(network.student.initialise(7)).toEqual(flat);
    expect(network.student.initialise(8)).not.toEqual(flat);
  });

  test('the teacher begins as a copy of the student', () => {
    const teacher = network.teacherFromStudent(flat);
    for (const { name, values: v } of network.teacher.named(teacher)) expect(v, name).toEqual(values.get(name));
    expect(network.teacher.has('backbone.masked_embed')).toBe(false);
  });

  test("a shared teacher head begins as the student's patch layer, which comes last in its state dict", () => {
    const paired = new Network({ ...config, head: { ...config.head, patchOutDim: 512 }, sharedHeadTeacher: true });
    const student = paired.student.initialise(1);
    const named = new Map([...paired.student.named(student)].map(({ name, values: v }) => [name, v]));
    const teacher = new Map([...paired.teacher.named(paired.teacherFromStudent(student))].map(({ name, values: v }) => [name, v]));
    expect(teacher.get('head.last_layer.weight_v')).toEqual(named.get('head.last_layer2.weight_v'));
  });

  test('weight decay spares biases and tensors of one axis alone', () => {
    const decayed = network.entries.filter((e) => e.decayed).map((e) => e.name);
    expect(decayed).toContain('backbone.pos_embed');
    expect(decayed).toContain('backbone.masked_embed');
    expect(decayed).toContain('head.last_layer.weight_g');
    expect(decayed.some((name) => name.endsWith('.bias') || name.includes('norm'))).toBe(false);
  });
});
