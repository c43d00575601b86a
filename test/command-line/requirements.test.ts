import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkDisk, checkMemory, fitToMemory, timeSentence } from '../../src/engine/cli/requirements';
import { memoryOf, resolveRecipe } from '../../src/engine/ibot';
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

it('time is told in plain words', () => {
  expect(timeSentence(1e9, 12_000, 1e10)).toBe('12,000 steps of training, about 20 min on this device, not counting what is measured.');
});
