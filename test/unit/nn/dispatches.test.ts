/**
 * What one more block costs. The design allows 8 dispatches forward and 16 backward (transposes of the forms for
 * software devices aside) and 4 for the whole update. Attention takes one dispatch per size of crops and pass.
 */
import { describe, expect, test } from 'vitest';
import { Network, networkConfigOf, resolveRecipe, TrainerLayout, trainerOptionsOf } from '../../../src/engine/ibot';
import { testGpu } from '../../support/gpu';

const recipe = (depth: number, localCrops: number) =>
  resolveRecipe({
    ...{ arch: 'vit_tiny', embed_dim: 64, depth, num_heads: 2, patch_size: 8, global_crops_size: 32 },
    ...{ local_crops_number: localCrops, local_crops_size: 16, drop_path: 0.1, batch_size: 2, out_dim: 64 },
    ...{ head_hidden_dim: 32, head_bottleneck_dim: 16 },
  });

async function countDispatches(depth: number, localCrops: number) {
  const gpu = await testGpu();
  const r = recipe(depth, localCrops);
  const layout = new TrainerLayout(gpu, new Network(networkConfigOf(r)), trainerOptionsOf(r), new Map());
  const steps = layout.forwardLayout.steps.filter(({ dispatch }) => !dispatch.kernel.key.startsWith('transpose'));
  const forward = steps.findIndex(({ node }) => node.op.name === 'distillation-loss');
  expect(forward).toBeGreaterThan(0);
  const update = layout.updateLayout.steps.filter(({ node }) => node.op.name === 'optimiser').length;
  return { forward, backward: steps.length - forward, update };
}

describe('dispatches of one more block', () => {
  test.each([
    { localCrops: 0, teacher: 7, student: 7, backward: 14 },
    { localCrops: 2, teacher: 7, student: 8, backward: 16 },
  ])('$localCrops local crops: forward $teacher and $student, backward $backward', async (figures) => {
    const { localCrops, teacher, student, backward } = figures;
    const [three, four] = [await countDispatches(3, localCrops), await countDispatches(4, localCrops)];
    const block = { forward: four.forward - three.forward, backward: four.backward - three.backward };
    // The teacher sees the global crops only, so what it takes is what the student takes without local ones.
    expect(block.forward - teacher).toBeLessThanOrEqual(8);
    expect(block.backward).toBeLessThanOrEqual(16);
    expect(block).toEqual({ forward: teacher + student, backward });
    expect(four.update).toBeLessThanOrEqual(4);
  });
});
