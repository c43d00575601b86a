import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { pictureFeatures } from '../../src/engine/cli/picture-features';
import { checkDisk, checkMemory, fitToMemory, timeSentence } from '../../src/engine/cli/requirements';
import type { Gpu } from '../../src/engine/gpu';
import { memoryOf, PIXEL_MEAN, PIXEL_STD, resolveRecipe } from '../../src/engine/ibot';
import { ParameterSet, vitParameters } from '../../src/engine/nn';
import { testGpu } from '../support/gpu';
import { temporaryFolder } from '../support/temporary-folder';
import { tinyRecipe } from './ibot';

const folder = temporaryFolder();

const recipe = resolveRecipe({ ...tinyRecipe, batch_size: 8 });
const source = 'the driver';

/** Bytes of the whole batch at once, and in as many parts as there are pictures. */
async function extremes(): Promise<{ whole: number; single: number }> {
  const gpu = await testGpu();
  const total = (accumulate: number): number => {
    const { arenaBytes, stateBytes } = memoryOf(gpu, resolveRecipe({ ...recipe, accumulate }))!;
    return arenaBytes + stateBytes;
  };
  return { whole: total(1), single: total(8) };
}

describe('memory', () => {
  it('that suffices leaves a batch whole, and is told with who knows of it', async () => {
    const fitted = await fitToMemory(await testGpu(), recipe, { bytes: 8 * 2 ** 30, source });
    expect(fitted.recipe.accumulate).toBe(1);
    expect(fitted.sentence).toMatch(/^It takes [\d.]+ MiB of the 8 GiB of memory that there are \(source: the driver\)\.$/);
    expect(fitted.flops).toBeGreaterThan(0);
  });

  it('that is short lets auto split a batch, and refuses what somebody set', async () => {
    const gpu = await testGpu();
    const { whole, single } = await extremes();
    expect(single).toBeLessThan(whole);
    const memory = { bytes: whole - 1, source };
    const { recipe: fitted, sentence } = await fitToMemory(gpu, recipe, memory);
    expect(fitted.accumulate).toBeGreaterThan(1);
    expect(sentence).toContain(`a batch is computed in ${fitted.accumulate} parts to fit`);
    const refused = new RegExp(`does not fit into .*: give --accumulate ${fitted.accumulate},`);
    await expect(checkMemory(gpu, recipe, memory)).rejects.toThrow(refused);
    await expect(checkMemory(gpu, recipe, { bytes: 1000, source })).rejects.toThrow(/choose a smaller arch/);
  });

  it('that is only guessed refuses nothing', async () => {
    const { sentence } = await checkMemory(await testGpu(), recipe, { bytes: 1000, source, guessed: true });
    expect(sentence).toMatch(/is not known/);
  });
});

describe('the disk', () => {
  it('is looked at where the run will be, which is not made', async () => {
    const run = `${folder}/not/there`;
    const asked: string[] = [];
    const free = (bytes: number) => (path: string) => (asked.push(path), Promise.resolve(bytes));
    await checkDisk(run, recipe, 40, free(1e9));
    await expect(checkDisk(run, recipe, 40, free(1e5))).rejects.toThrow(/has 97.7 KiB left .* lower keep_checkpoints/);
    expect(asked).toEqual([folder, folder]);
    expect(existsSync(run)).toBe(false);
  });
});

it('pictures that are larger than a device holds are refused, with what to do', async () => {
  const gpu = await testGpu();
  const { maxBufferSize, minStorageBufferOffsetAlignment } = gpu.limits;
  const limits = { maxBufferSize, minStorageBufferOffsetAlignment, maxStorageBufferBindingSize: 10_000 };
  const small = Object.create(gpu, { limits: { value: limits } }) as Gpu;
  const config = { imgSize: 32, patchSize: 8, embedDim: 16, depth: 1, numHeads: 2, mlpRatio: 4, maskedImageModeling: false };
  const parameters = new ParameterSet(vitParameters(config), 'model');
  const model = { title: 'a model', config, parameters, flat: parameters.initialise(0), mean: PIXEL_MEAN, std: PIXEL_STD };
  const features = pictureFeatures({ gpu: small, model, root: folder, paths: ['x.png'], size: 64 }, []);
  await expect(features.next()).rejects.toThrow(/^Pictures of 64 pixels are too large for this device .* give a smaller --size\.$/);
  parameters.values.destroy();
});

it('time is told in plain words', () => {
  expect(timeSentence(1e9, 12_000, 1e10)).toBe('12,000 steps of training, about 20 min on this device, not counting what is measured.');
});
