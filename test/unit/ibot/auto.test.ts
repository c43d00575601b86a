import { describe, expect, test } from 'vitest';
import { chooseAuto, fitMemory, memoryOf, resolveRecipe } from '../../../src/engine/ibot';
import { testGpu } from '../../support/gpu';

const slow = { pictures: 3600, side: 128, flopsPerSecond: 4e10 };
const card = { pictures: 50_000, side: 500, flopsPerSecond: 5e12 };

describe('auto', () => {
  test('takes a small model and the small sets’ outputs on a slow device', () => {
    const { recipe, tooShort, hours } = chooseAuto({ ...slow, hours: 1 });
    expect(recipe).toMatchObject({ embed_dim: 64, global_crops_size: 48, out_dim: 1024, batch_size: 64 });
    expect(tooShort).toBeUndefined();
    expect(hours).toBeGreaterThan(0.9);
    expect(hours).toBeLessThanOrEqual(1.001);
  });

  test('takes a larger model with more time, and never crops larger than the pictures', () => {
    const { recipe } = chooseAuto(card);
    expect(recipe.embed_dim).toBeGreaterThanOrEqual(384);
    expect(chooseAuto({ ...card, side: 64 }).recipe.global_crops_size).toBeLessThanOrEqual(76);
  });

  test('warm-ups are a tenth of the run for the rate and three tenths for the temperature', () => {
    const { recipe } = chooseAuto({ ...card, hours: 3 });
    expect(recipe.warmup_epochs / recipe.epochs).toBeCloseTo(0.1, 2);
    expect(recipe.warmup_teacher_temp_epochs / recipe.epochs).toBeCloseTo(0.3, 2);
  });

  test.each([
    [20_000, 1024],
    [20_001, 2048],
    [50_001, 4096],
    [1_000_000, 8192],
  ])('%d pictures have %d outputs', (pictures, out) => {
    expect(chooseAuto({ ...card, pictures }).recipe.out_dim).toBe(out);
  });

  test('the blur shrinks with the crop', () => {
    const { recipe } = chooseAuto({ ...slow, hours: 1 });
    expect(recipe.blur_radius[1]).toBeCloseTo((2 * 48) / 224, 2);
  });

  test('more time is not asked for where the passes over a few pictures are what limits', () => {
    const { recipe, tooShort } = chooseAuto({ ...slow, pictures: 20, hours: 5 });
    expect(recipe.epochs).toBe(800);
    expect(tooShort!.timeLimits).toBe(false);
  });

  test('says that the time is too short, and how much would do, however it is limited', () => {
    for (const limited of [{ hours: 0.01 }, { given: { epochs: 0.5 } }]) {
      const { tooShort } = chooseAuto({ ...slow, ...limited });
      expect(tooShort?.hours).toBeGreaterThan(0.05);
      expect(chooseAuto({ ...slow, hours: tooShort!.hours * 1.05 }).tooShort).toBeUndefined();
    }
  });

  test('refuses a run without a step', () => {
    expect(() => chooseAuto({ ...slow, given: { epochs: 0.001 } })).toThrow(/not one step/);
  });

  test('a given arch is the one that is trained', () => {
    const { recipe, reasons } = chooseAuto({ ...slow, given: { arch: 'vit_base' } });
    expect(recipe).toMatchObject({ embed_dim: 768, depth: 12, num_heads: 12 });
    expect(reasons[0]).toContain('768 wide with 12 blocks');
  });

  test.each([{ patch_size: 16 }, { patch_size: 14 }, { patch_size: 32 }, { accumulate: 16 }, { warmup_epochs: 10 }])(
    'fits itself around %o',
    (given) => {
      const { recipe } = chooseAuto({ pictures: 58, side: 64, flopsPerSecond: 4e10, hours: 0.02, given });
      expect(recipe).toMatchObject(given);
    },
  );
});

describe('memory', () => {
  test('accumulate rises until the plan fits, and the plan says what it takes', async () => {
    const gpu = await testGpu();
    const recipe = resolveRecipe({
      ...{ arch: 'vit_tiny', embed_dim: 64, depth: 2, num_heads: 2, patch_size: 8, global_crops_size: 32 },
      ...{ batch_size: 12, out_dim: 64, head_hidden_dim: 32, head_bottleneck_dim: 16 },
    });
    const whole = memoryOf(gpu, recipe)!;
    const bytes = (whole.arenaBytes + whole.stateBytes) * 0.6;
    const fitted = fitMemory(gpu, recipe, bytes);
    expect(fitted.recipe.accumulate).toBeGreaterThan(1);
    expect(12 % fitted.recipe.accumulate).toBe(0);
    expect(fitted.memory.arenaBytes + fitted.memory.stateBytes).toBeLessThanOrEqual(bytes);
    expect(() => fitMemory(gpu, recipe, 1000)).toThrow(/does not fit/);
  });
});
