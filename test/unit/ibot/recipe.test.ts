import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/engine/errors';
import { maskCapacity } from '../../../src/engine/ibot/masks';
import { presets } from '../../../src/engine/ibot/presets';
import {
  layerOptions,
  options,
  originalOptions,
  parseOptionWords,
  resolveRecipe,
  type Recipe,
} from '../../../src/engine/ibot/recipe';
import { recipeOptions } from '../../../src/engine/ibot/recipe-options';
import { trainingSchedules } from '../../../src/engine/ibot/schedules';

/** The parser of the original's main_ibot.py at da316d8: every option with its default. */
const ORIGINAL: Record<string, unknown> = {
  arch: 'vit_small',
  patch_size: 16,
  window_size: 7,
  out_dim: 8192,
  patch_out_dim: 8192,
  shared_head: false,
  shared_head_teacher: true,
  norm_last_layer: true,
  momentum_teacher: 0.996,
  norm_in_head: null,
  act_in_head: 'gelu',
  use_masked_im_modeling: true,
  pred_ratio: 0.3,
  pred_ratio_var: 0,
  pred_shape: 'block',
  pred_start_epoch: 0,
  lambda1: 1,
  lambda2: 1,
  warmup_teacher_temp: 0.04,
  teacher_temp: 0.04,
  warmup_teacher_patch_temp: 0.04,
  teacher_patch_temp: 0.07,
  warmup_teacher_temp_epochs: 30,
  use_fp16: true,
  weight_decay: 0.04,
  weight_decay_end: 0.4,
  clip_grad: 3,
  batch_size_per_gpu: 128,
  epochs: 100,
  freeze_last_layer: 1,
  lr: 0.0005,
  warmup_epochs: 10,
  min_lr: 1e-6,
  optimizer: 'adamw',
  load_from: null,
  drop_path: 0.1,
  global_crops_number: 2,
  global_crops_scale: [0.14, 1],
  local_crops_number: 0,
  local_crops_scale: [0.05, 0.4],
  data_path: '/path/to/imagenet/train/',
  output_dir: '.',
  saveckp_freq: 40,
  seed: 0,
  num_workers: 10,
  dist_url: 'env://',
  local_rank: 0,
};

describe('the list of options', () => {
  it('has every option of the original, and no other is marked as such', () => {
    expect([...originalOptions].sort()).toEqual(Object.keys(ORIGINAL).sort());
  });

  it("has the original's defaults, but for half precision, paths and the number of workers", () => {
    const ours = new Set(['use_fp16', 'data_path', 'output_dir', 'num_workers']);
    const defaults = resolveRecipe({}) as unknown as Record<string, unknown>;
    for (const [name, value] of Object.entries(ORIGINAL)) {
      if (ours.has(name)) continue;
      const option = options[name]!;
      const got = defaults[option.aliasOf ?? name] ?? (option.status === 'refused' ? option.default : undefined);
      const want = name === 'norm_in_head' ? 'none' : name === 'load_from' ? '' : name.startsWith('pred_ratio') ? [value] : value;
      expect(got, name).toEqual(want);
    }
    expect(defaults.use_fp16).toBe(false);
  });

  it('explains each option in one sentence, gives a reason for what is refused, and aliases what exists', () => {
    for (const [name, option] of Object.entries(options)) {
      expect(option.help, name).toMatch(/^[A-Z].*\.$/);
      expect(option.status === 'refused', name).toBe(option.reason !== undefined);
      if (option.status === 'alias') expect(Object.hasOwn(recipeOptions, option.aliasOf!), name).toBe(true);
    }
  });
});

describe('resolveRecipe', () => {
  it('fills in the sizes of each architecture, and lets them be set singly', () => {
    const sizes = (given: Record<string, unknown>): unknown[] => {
      const { arch, embed_dim, depth, num_heads, mlp_ratio } = resolveRecipe(given);
      return [arch, embed_dim, depth, num_heads, mlp_ratio];
    };
    expect(sizes({ arch: 'vit_tiny' })).toEqual(['vit_tiny', 192, 12, 3, 4]);
    expect(sizes({ arch: 'deit_small' })).toEqual(['vit_small', 384, 12, 6, 4]);
    expect(sizes({ arch: 'vit_base' })).toEqual(['vit_base', 768, 12, 12, 4]);
    expect(sizes({ arch: 'vit_large' })).toEqual(['vit_large', 1024, 24, 16, 4]);
    expect(sizes({ 'embed-dim': 64, depth: 2, num_heads: 4, mlp_ratio: 2 })).toEqual(['vit_small', 64, 2, 4, 2]);
  });

  it('gives back a resolved recipe unchanged, also after JSON', () => {
    const recipe = resolveRecipe({ arch: 'deit_tiny', pred_ratio: [0, 0.3], pred_ratio_var: [0, 0.2], batch_size_per_gpu: 32 });
    expect(recipe.batch_size).toBe(32);
    expect(resolveRecipe(recipe)).toEqual(recipe);
    expect(resolveRecipe(JSON.parse(JSON.stringify(recipe)) as Record<string, unknown>)).toEqual(recipe);
    expect(Object.values(recipe).every((value) => value !== null && value !== undefined)).toBe(true);
  });

  it('takes one variance for all ratios, and a single number for a list', () => {
    expect(resolveRecipe({ pred_ratio: [0.1, 0.3], pred_ratio_var: 0.1 }).pred_ratio_var).toEqual([0.1, 0.1]);
    expect(resolveRecipe({ pred_ratio: 0.4 }).pred_ratio).toEqual([0.4]);
    expect(resolveRecipe({ pred_ratio: [0.7], pred_ratio_var: [0.3] }).pred_ratio).toEqual([0.7]);
  });

  it('gives the patches the [CLS] size where a head is shared', () => {
    expect(resolveRecipe({ out_dim: 1024 }).patch_out_dim).toBe(1024);
    expect(resolveRecipe({ out_dim: 1024, shared_head: true, patch_out_dim: 512 }).patch_out_dim).toBe(1024);
    const separate = { out_dim: 1024, shared_head: false, shared_head_teacher: false };
    expect(resolveRecipe(separate).patch_out_dim).toBe(8192);
    expect(resolveRecipe({ ...separate, patch_out_dim: 512 }).patch_out_dim).toBe(512);
  });

  it('accepts what is unusual but sound', () => {
    const sound: Record<string, unknown>[] = [
      { local_crops_number: 0, patch_size: 14 },
      { epochs: 0.5, warmup_epochs: 0, warmup_teacher_temp_epochs: 0.15 },
      { epochs: 30, warmup_teacher_temp_epochs: 30, warmup_epochs: 30 },
      { pred_ratio: 0, clip_grad: 0, drop_path: 0, weight_decay: 0, weight_decay_end: 0, lambda2: 0, min_lr: 0 },
      { norm_in_head: 'ln', act_in_head: 'relu', head_bottleneck_dim: 1 },
      { head_layers: 1 },
      { norm_in_head: null, load_from: null, window_size: 7, dist_url: 'env://', local_rank: 0, use_fp16: false },
      { batch_size: 32, batch_size_per_gpu: 32, accumulate: 32 },
      { pred_shape: 'rand', pred_ratio: 1 },
      { freeze_last_layer: 500 },
    ];
    for (const given of sound) expect(() => resolveRecipe(given), JSON.stringify(given)).not.toThrow();
  });

  it.each<[Record<string, unknown>, RegExp]>([
    [{ arch: 'swin_tiny' }, /arch swin_tiny is refused: Swin is not built yet/],
    [{ arch: 'resnet50' }, /arch must be one of vit_tiny, vit_small/],
    [{ arch: 'constructor' }, /arch must be one of/],
    [{ arch: 3 }, /arch must be one of/],
    [{ optimizer: 'sgd' }, /SGD is not built yet/],
    [{ optimizer: 'lars' }, /LARS is not built yet/],
    [{ norm_in_head: 'bn' }, /batch norms/],
    [{ norm_in_head: 'syncbn' }, /batch norms/],
    [{ use_fp16: true }, /use_fp16 true is refused: half precision/],
    [{ window_size: 14 }, /window_size 14 is refused/],
    [{ load_from: 'checkpoint.pth' }, /ibot resume/],
    [{ dist_url: 'tcp://a' }, /one device/],
    [{ out_dim: 64, patch_out_dim: 128 }, /patch_out_dim 128 must equal out_dim 64/],
    [{ global_crops_size: 100 }, /global_crops_size 100 is not a multiple of patch_size 16: take 96 or 112/],
    [{ global_crops_size: 8 }, /take 16/],
    [{ local_crops_number: 2, patch_size: 14, global_crops_size: 224 }, /local_crops_size 96 .* take 84 or 98/],
    [{ epochs: 20 }, /warmup_teacher_temp_epochs 30 is longer than the run of 20 epochs/],
    [{ epochs: 5 }, /warmup_epochs 10 is longer than the run of 5 epochs/],
    [{ pred_start_epoch: 80 }, /30 after pred_start_epoch 80 is longer/],
    [{ embed_dim: 100, num_heads: 3 }, /cannot be divided/],
    [{ embed_dim: 60, num_heads: 10 }, /is 6, and must be a multiple of 4/],
    [{ embed_dim: 512, num_heads: 2 }, /is 256/],
    [{ mlp_ratio: 1.0001 }, /no whole number/],
    [{ head_bottleneck_dim: 0 }, /head_bottleneck_dim must be a whole number at least 1/],
    [{ pred_ratio: [0, 0.3], pred_ratio_var: [0, 0.1, 0.2] }, /2 entries and pred_ratio_var 3/],
    [{ pred_ratio: 0.1, pred_ratio_var: 0.2 }, /leaves the range/],
    [{ pred_ratio: 0.9, pred_ratio_var: 0.2 }, /leaves the range/],
    [{ pred_ratio: [] }, /one or more numbers/],
    [{ pred_ratio: 1.5 }, /at most 1/],
    [{ pred_ratio: 'half' }, /numbers/],
    [{ pred_shape: 'all' }, /one of block, rand/],
    [{ batch_size: 10, accumulate: 3 }, /3 equal parts/],
    [{ batch_size: 0 }, /batch_size must be a whole number at least 1/],
    [{ batch_size: 1.5 }, /whole number/],
    [{ batch_size: 32, batch_size_per_gpu: 64 }, /same option/],
    [{ lr: 0 }, /lr must be a number above 0, not 0/],
    [{ lr: '0.1' }, /lr must be a number above 0, not "0.1"/],
    [{ lr: NaN }, /lr must be/],
    [{ epochs: Infinity }, /epochs must be/],
    [{ drop_path: 1 }, /below 1/],
    [{ momentum_teacher: 1.5 }, /at most 1/],
    [{ teacher_temp: 0 }, /above 0/],
    [{ global_crops_scale: [0.5] }, /2 numbers/],
    [{ global_crops_scale: [1, 0.5] }, /the smaller first/],
    [{ local_crops_scale: [0, 0.5] }, /above 0/],
    [{ global_crops_number: 1 }, /at least 2/],
    [{ shared_head: 'yes' }, /true or false/],
    [{ seed: -1 }, /seed/],
    [{ seed: 2 ** 32 }, /seed/],
    [{ hold_out: 1 }, /at most 0.9/],
    [{ data_path: 5 }, /a text/],
    [{ learning_rate: 1 }, /no option learning_rate/],
    [{ 'drop-pth': 1 }, /no option drop-pth; did you mean drop_path\?/],
    [{ epoch: 1 }, /did you mean epochs\?/],
    [{ __proto_: 1 }, /no option/],
    [{ toString: 1 }, /no option toString/],
    [{ nonsense: undefined }, /no option nonsense/],
  ])('refuses %j in one sentence', (given, reason) => {
    let message = '';
    try {
      resolveRecipe(given);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      message = (error as UserError).message;
    }
    expect(message).toMatch(reason);
    expect(message).toMatch(/^[^\n]+[.?]$/);
  });
});

describe('a recipe', () => {
  it('is what masks and schedules take, and does not share its lists with the next one', () => {
    const recipe = resolveRecipe({});
    expect(maskCapacity({ ...recipe, rows: 14, columns: 14 })).toBe(58);
    expect(trainingSchedules(recipe, 10).steps).toBe(1000);
    recipe.pred_ratio[0] = 1;
    expect(resolveRecipe({}).pred_ratio).toEqual([0.3]);
  });
});

describe('parseOptionWords', () => {
  it('reads the words of a command line by the type of the option', () => {
    expect(parseOptionWords('epochs', ['12.5'])).toBe(12.5);
    expect(parseOptionWords('batch-size', ['64'])).toBe(64);
    expect(parseOptionWords('pred_ratio', ['0', '0.3'])).toEqual([0, 0.3]);
    expect(parseOptionWords('pred_ratio', ['0,0.3'])).toEqual([0, 0.3]);
    expect(parseOptionWords('shared_head', ['On'])).toBe(true);
    expect(parseOptionWords('shared_head', ['0'])).toBe(false);
    expect(parseOptionWords('arch', ['vit_tiny'])).toBe('vit_tiny');
  });

  it.each([
    ['epochs', ['ten'], /not "ten"/],
    ['epochs', [''], /epochs/],
    ['epochs', ['1', '2'], /epochs/],
    ['shared_head', ['maybe'], /true or false, not "maybe"/],
    ['pred_ratio', ['0', 'x'], /numbers/],
  ])('leaves what does not fit to be refused: %s %j', (name, words, reason) => {
    expect(() => resolveRecipe({ [name]: parseOptionWords(name, words) })).toThrow(reason);
  });
});

describe('layerOptions', () => {
  it('lets later layers win, whatever name they use', () => {
    const merged = layerOptions({ batch_size: 1024, lr: 1 }, { batch_size_per_gpu: 64, lr: null }, { 'drop-path': 0 });
    expect(merged).toEqual({ batch_size: 64, lr: 1, drop_path: 0 });
    expect(() => layerOptions({ bath_size: 1 })).toThrow(/batch_size/);
  });
});

describe('the presets', () => {
  it("are the paper's recipes and resolve", () => {
    const names = Object.keys(presets);
    expect(names).toEqual(['paper-vit-s', 'paper-vit-b', 'paper-vit-l']);
    const recipes = names.map((name) => resolveRecipe(presets[name]!.recipe));
    const each = <Name extends keyof Recipe>(name: Name): Recipe[Name][] => recipes.map((recipe) => recipe[name]);
    expect(each('arch')).toEqual(['vit_small', 'vit_base', 'vit_large']);
    expect(each('epochs')).toEqual([800, 400, 250]);
    expect(each('drop_path')).toEqual([0.1, 0.1, 0.4]);
    expect(each('batch_size')).toEqual([1024, 1024, 1024]);
    for (const recipe of recipes) {
      expect(recipe.shared_head && !recipe.norm_last_layer).toBe(true);
      expect(recipe.pred_ratio).toEqual([0, 0.3]);
      expect(recipe.local_crops_number).toBe(10);
      expect(trainingSchedules(recipe, 1251).learningRate(12_510)).toBeCloseTo(0.002, 9);
    }
  });
});
