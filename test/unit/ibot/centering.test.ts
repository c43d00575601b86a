/** Sinkhorn–Knopp in place of the moving centre. */
import { expect, test } from 'vitest';
import type { Gpu } from '../../../src/engine/gpu';
import { Network, networkConfigOf, resolveRecipe, settingsAt, Trainer, trainerOptionsOf, trainingSchedules } from '../../../src/engine/ibot';
import { normals } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

const BATCH = 16;

/** Entropy of the mean of the teacher's outputs over the batch, in nats, at the first step: how evenly they are used. */
async function evenness(gpu: Gpu, centering: string): Promise<number> {
  const recipe = resolveRecipe({
    ...{ arch: 'vit_tiny', embed_dim: 16, depth: 1, num_heads: 1, patch_size: 8, global_crops_size: 16, local_crops_number: 0 },
    ...{ out_dim: 32, shared_head: true, head_hidden_dim: 16, head_bottleneck_dim: 8, batch_size: BATCH, epochs: 2, centering },
    ...{ warmup_epochs: 0, warmup_teacher_temp_epochs: 0, teacher_temp: 0.02, warmup_teacher_temp: 0.02, drop_path: 0 },
  });
  const options = trainerOptionsOf(recipe);
  expect(options.shape.sinkhorn).toBe(centering === 'sinkhorn_knopp');
  const trainer = await Trainer.create(gpu, new Network(networkConfigOf(recipe)), {
    ...options,
    shape: { ...options.shape, pixelCapacity: 0, capacity: 8 },
  });
  trainer.initialise();
  const globalImages = normals(2 * BATCH * 3 * 16 * 16, 1);
  const masks = Array.from({ length: 2 * BATCH }, () => Uint8Array.of(0, 0, 0, 0));
  await trainer.step({ step: 0, epoch: 0 }, settingsAt(trainingSchedules(recipe, 4), 1), [{ globalImages, masks }]);
  const [report] = await trainer.finish();
  trainer.destroy();
  expect(report!.halted).toBeUndefined();
  return report!.loss.meanTeacherEntropy;
}

test('the teacher then uses all outputs about evenly from the first step', async () => {
  const gpu = await testGpu();
  const moving = await evenness(gpu, 'centering');
  const even = await evenness(gpu, 'sinkhorn_knopp');
  expect(even).toBeGreaterThan(0.98 * Math.log(32));
  expect(moving).toBeLessThan(0.9 * Math.log(32));
});
