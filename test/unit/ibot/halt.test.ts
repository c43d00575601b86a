/** A value that is not finite halts training on the device, and the diagnosis names where it came from. */
import { expect, test } from 'vitest';
import { Network, networkConfigOf, resolveRecipe, settingsAt, Trainer, trainerOptionsOf, trainingSchedules } from '../../../src/engine/ibot';
import { normals } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

const recipe = resolveRecipe({
  ...{ arch: 'vit_tiny', embed_dim: 16, depth: 2, num_heads: 2, patch_size: 8, global_crops_size: 16, local_crops_number: 0 },
  ...{ out_dim: 32, shared_head: true, head_hidden_dim: 16, head_bottleneck_dim: 8, batch_size: 2, epochs: 2 },
  ...{ warmup_epochs: 0, warmup_teacher_temp_epochs: 0, freeze_last_layer: 0, drop_path: 0, pred_ratio: [0.3], lr: 0.1 },
});

test('a NaN in a weight halts at once, changes nothing, and is named', async () => {
  const gpu = await testGpu();
  const network = new Network(networkConfigOf(recipe));
  const options = trainerOptionsOf(recipe);
  const trainer = await Trainer.create(gpu, network, { ...options, shape: { ...options.shape, pixelCapacity: 0, capacity: 8 } });
  trainer.initialise();
  const images = { globalImages: normals(4 * 3 * 16 * 16, 1), masks: Array.from({ length: 4 }, () => Uint8Array.of(1, 0, 0, 0)) };
  const settings = settingsAt(trainingSchedules(recipe, 4), 1);
  await trainer.step({ step: 0, epoch: 0 }, settings, [images]);
  expect((await trainer.finish())[0]!.halted).toBeUndefined();

  const broken = network.student.entry('backbone.blocks.1.mlp.fc1.weight');
  const student = new Float32Array(await trainer.read(network.student.values));
  student[broken.offset + 5] = NaN;
  gpu.device.queue.writeBuffer(network.student.values.buffer!, 0, student);
  const teacher = new Uint8Array(await trainer.read(network.teacher.values));
  for (const step of [1, 2]) await trainer.step({ step, epoch: 0 }, settings, [images]);
  const reports = await trainer.finish();
  expect(reports.map(({ halted }) => halted?.step)).toEqual([1, 1]);
  expect(new Uint8Array(await trainer.read(network.student.values))).toEqual(new Uint8Array(student.buffer));
  expect(new Uint8Array(await trainer.read(network.teacher.values))).toEqual(teacher);
  const found = await trainer.firstNonFinite({ step: 1, epoch: 0 }, settings, [images]);
  expect(found).toMatchObject({ tensor: 'backbone.blocks.1.mlp.fc1.weight', op: 'linear', element: 5 });
  trainer.destroy();
});
