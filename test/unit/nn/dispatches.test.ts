/** What one more block costs: at most 8 dispatches forward and 16 backward, and the update at most 4 for everything. */
import { expect, test } from 'vitest';
import { Network, networkConfigOf, resolveRecipe, TrainerLayout, trainerOptionsOf } from '../../../src/engine/ibot';
import { testGpu } from '../../support/gpu';

const recipe = (depth: number) =>
  resolveRecipe({
    ...{ arch: 'vit_tiny', embed_dim: 64, depth, num_heads: 2, patch_size: 8, global_crops_size: 32 },
    ...{ local_crops_number: 2, local_crops_size: 16, drop_path: 0.1, batch_size: 2, out_dim: 64 },
    ...{ head_hidden_dim: 32, head_bottleneck_dim: 16 },
  });

test('a block and the update stay within their budget of dispatches', async () => {
  const gpu = await testGpu();
  const count = (depth: number) => {
    const r = recipe(depth);
    const layout = new TrainerLayout(gpu, new Network(networkConfigOf(r)), trainerOptionsOf(r), new Map());
    const counted = layout.forwardLayout.steps.filter(({ dispatch }) => !dispatch.kernel.key.startsWith('transpose'));
    return { all: counted.length, update: layout.updateLayout.steps.filter(({ node }) => node.op.name === 'optimiser').length };
  };
  const [three, four] = [count(3), count(4)];
  // Teacher forward (one group of crops), student forward (two groups) and backward.
  expect(four.all - three.all).toBeLessThanOrEqual(8 + 8 + 16);
  expect(four.update).toBeLessThanOrEqual(4);
});
