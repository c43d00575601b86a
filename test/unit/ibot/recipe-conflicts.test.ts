import { expect, test } from 'vitest';
import { examineOptions, modelTitle, optionGroups, options, readOptions, resolveRecipe, type WayOut } from '../../../src/engine/ibot';

const impossible: readonly (readonly [what: string, options: Record<string, unknown>])[] = [
  ['width and heads', { embed_dim: 130, num_heads: 3 }],
  ['a width of no heads', { embed_dim: 131, num_heads: 3 }],
  ['heads too wide', { embed_dim: 768, num_heads: 2 }],
  ['hidden width', { embed_dim: 192, num_heads: 3, mlp_ratio: 2.3 }],
  ['outputs', { out_dim: 1024, patch_out_dim: 2048 }],
  ['crops and patches', { patch_size: 14, global_crops_size: 100, local_crops_number: 2, local_crops_size: 13 }],
  ['shares and variances', { pred_ratio: [0, 0.3, 0.5], pred_ratio_var: [0, 0.2] }],
  ['a variance too large', { pred_ratio: [0.1, 0.9], pred_ratio_var: [0.2, 0.3] }],
  ['warm-ups', { epochs: 5 }],
  ['masks that begin late', { epochs: 40, pred_start_epoch: 20 }],
  ['masks that never begin', { epochs: 40, pred_start_epoch: 50 }],
  ['parts of a batch', { batch_size: 100, accumulate: 33 }],
  ['parts smaller than a picture', { batch_size: 4, accumulate: 6 }],
  ['a value', { lr: -1 }],
  ['a refused value', { use_fp16: true }],
  ['an unknown name', { learning_rate: 1 }],
];

const laidOver = (given: Record<string, unknown>, changes: WayOut['changes']): Record<string, unknown> => {
  const entries = Object.entries({ ...given, ...changes }).filter(([, value]) => value !== null);
  return Object.fromEntries(entries);
};

test.each(impossible)('each way out of %s leads out', (_, given) => {
  const { conflicts, recipe } = examineOptions(given);
  expect(recipe).toBeUndefined();
  expect(conflicts.length).toBeGreaterThan(0);
  for (const conflict of conflicts) {
    expect(conflict.waysOut.length, conflict.reason).toBeGreaterThan(0);
    for (const { label, changes } of conflict.waysOut) {
      const after = examineOptions(laidOver(given, changes)).conflicts.map(({ options: [first] }) => first);
      expect(after, label).not.toContain(conflict.options[0]);
    }
  }
  expect(() => resolveRecipe(given)).toThrow(conflicts[0]!.reason);
});

test('all conflicts are told, and the values that stay', () => {
  const { conflicts, values } = examineOptions({ out_dim: 1024, patch_out_dim: 2048, epochs: 20, lr: 'fast', global_crops_size: 100 });
  expect(conflicts.map(({ options: [first] }) => first)).toEqual([
    'lr',
    'patch_out_dim',
    'global_crops_size',
    'warmup_teacher_temp_epochs',
  ]);
  expect(values).toMatchObject({ lr: 0.0005, out_dim: 1024, embed_dim: 384 });
  expect(conflicts[1]!.waysOut.map(({ label }) => label)).toEqual([
    'Set patch output size to 1,024',
    'Give the teacher two heads',
    'Set [CLS] output size to 2,048',
  ]);
});

test('names with dashes and aliases are understood, and hostile ones are told', () => {
  const hostile = JSON.parse('{"batch-size-per-gpu": 8, "__proto__": 3, "constructor": 1}') as Record<string, unknown>;
  const { given, conflicts } = readOptions(hostile);
  expect(given).toEqual({ batch_size: 8 });
  expect(conflicts.map(({ options: [name] }) => name)).toEqual(['__proto__', 'constructor']);
});

test('every option has a title of its own and a place', () => {
  const titles = Object.values(options).filter(({ status }) => status !== 'alias').map(({ title }) => title);
  expect(new Set(titles).size).toBe(titles.length);
  for (const { title, group } of Object.values(options)) {
    expect(title).toMatch(/^[A-Z[]/);
    expect(Object.hasOwn(optionGroups, group)).toBe(true);
  }
});

test('models have the names that people call them by', () => {
  expect(modelTitle(resolveRecipe({}))).toBe('ViT-S/16');
  expect(modelTitle(resolveRecipe({ arch: 'vit_large', patch_size: 8 }))).toBe('ViT-L/8');
  expect(modelTitle(resolveRecipe({ embed_dim: 128, depth: 4, num_heads: 2, patch_size: 8 }))).toBe('ViT 128×4/8');
});
