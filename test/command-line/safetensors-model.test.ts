import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensorsModel } from '../../src/engine/cli/safetensors-model';
import { timmConfig } from '../../src/engine/cli/timm-config';
import { writeSafetensors, type SafetensorsEntry } from '../../src/engine/formats';
import { ParameterSet, vitParameters } from '../../src/engine/nn';
import { temporaryFolder } from '../support/temporary-folder';

const config = { imgSize: 32, patchSize: 8, embedDim: 16, depth: 2, numHeads: 2, mlpRatio: 4, maskedImageModeling: false };
const colours = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] } as const;
const parameters = new ParameterSet(vitParameters(config), 'model');
const flat = parameters.initialise(1);
const own = [...parameters.named(flat)].map(({ name, shape, values }): SafetensorsEntry => ({ name, dtype: 'F32', shape, data: values }));
const tensor = (name: string, ...shape: number[]): SafetensorsEntry => ({
  name,
  dtype: 'F32',
  shape,
  data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
});

/** A model's file with its description beside it, read. */
async function read(entries: readonly SafetensorsEntry[], description: object = timmConfig(config, colours.mean, colours.std)) {
  const folder = temporaryFolder();
  const file = join(folder, 'model.safetensors');
  await writeSafetensors(file, entries);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(description));
  return readSafetensorsModel(file, { mean: [0, 0, 0], std: [1, 1, 1] });
}

describe('a model from a file', () => {
  it('has the sizes that its tensors have, and the colours of its description', async () => {
    const model = await read(own);
    expect(model).toMatchObject({ config, ...colours });
    expect(model.flat).toEqual(flat);
  });

  it('may have a classifier and a token for what is masked, which are left out', async () => {
    const model = await read([...own, tensor('head.weight', 10, 16), tensor('head.bias', 10), tensor('mask_token', 1, 1, 16)]);
    expect(model.flat).toEqual(flat);
  });

  it.each<[string, SafetensorsEntry[], RegExp]>([
    ['scales of its layers', [...own, tensor('blocks.0.ls1.gamma', 16), tensor('blocks.1.ls1.gamma', 16)], /has blocks\.0\.ls1\.gamma and 1 more\.$/],
    ['a norm before its blocks', [...own, tensor('norm_pre.weight', 16)], /is no plain vision transformer .* has norm_pre\.weight\.$/],
    ['a tensor too few', own.filter(({ name }) => name !== 'blocks.1.norm2.bias'), /it lacks blocks\.1\.norm2\.bias\.$/],
    ['two class tokens', own.map((entry) => (entry.name === 'pos_embed' ? tensor('pos_embed', 1, 18, 16) : entry)), /18 tokens, not a square and one/],
    ['nothing of a transformer', [tensor('conv1.weight', 3, 3)], /patch_embed\.proj\.weight is missing/],
  ])('that has %s is refused', async (_, entries, reason) => {
    await expect(read(entries)).rejects.toThrow(reason);
  });

  it('with heads that its width does not hold is refused', async () => {
    await expect(read(own, { architecture: 'vit_tiny_patch16_224' })).rejects.toThrow(/width of 16 cannot have 3 heads/);
  });
});
