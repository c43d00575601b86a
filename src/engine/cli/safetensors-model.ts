/** A backbone in a safetensors file with timm's names, described by the `config.json` beside it. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../errors';
import { openSafetensors, toFloat32, type SafetensorsFile } from '../formats';
import { ParameterSet, vitParameters, type VitConfig } from '../nn';
import { parseTimmConfig, type Colour } from './timm-config';

/** Weights of a backbone on their way to a device or a file. */
export interface StoredModel {
  /** For messages: where it came from. */
  title: string;
  config: VitConfig;
  /** The official names without `backbone.`, which are timm's too. */
  parameters: ParameterSet;
  flat: Float32Array;
  mean: Colour;
  std: Colour;
}

/**
 * The backbone in `file` whose tensors are called `prefix` + name.
 * @throws UserError naming the tensors that are missing or have another shape.
 */
export async function readBackbone(
  file: SafetensorsFile,
  path: string,
  config: VitConfig,
  prefix: string,
): Promise<Pick<StoredModel, 'parameters' | 'flat'>> {
  const parameters = new ParameterSet(vitParameters({ ...config, maskedImageModeling: false }), 'model');
  const flat = new Float32Array(parameters.length);
  const missing = parameters.entries.filter(({ name }) => !file.entries.has(prefix + name)).map(({ name }) => name);
  if (missing.length > 0) {
    const more = missing.length > 3 ? ` and ${missing.length - 3} more` : '';
    throw new UserError(`${path} is not the model it should be: it lacks ${missing.slice(0, 3).join(', ')}${more}.`);
  }
  for (const { name, shape, offset, length } of parameters.entries) {
    const found = file.entries.get(prefix + name)!;
    if (found.shape.reduce((product, size) => product * size, 1) !== length) {
      const expected = `[${shape.join(', ')}] was expected`;
      throw new UserError(`${path}: ${prefix + name} has the shape [${found.shape.join(', ')}], ${expected}.`);
    }
    flat.set(toFloat32(await file.read(prefix + name)), offset);
  }
  return { parameters, flat };
}

/** Sizes as the tensors have them; the number of heads leaves no trace there. */
function sizesOf(file: SafetensorsFile, path: string, numHeads: number): VitConfig {
  const shape = (name: string, axes: number): number[] => {
    const found = file.entries.get(name)?.shape;
    if (found?.length !== axes) throw new UserError(`${path} holds no vision transformer with timm's names: ${name} is missing.`);
    return found;
  };
  const [embedDim, , patchSize] = shape('patch_embed.proj.weight', 4) as [number, number, number];
  const [, tokens] = shape('pos_embed', 3) as [number, number];
  const [hidden] = shape('blocks.0.mlp.fc1.weight', 2) as [number];
  const grid = Math.sqrt(tokens - 1);
  if (!Number.isInteger(grid)) throw new UserError(`${path}: its position embedding has ${tokens} tokens, not a square and one.`);
  let depth = 1;
  while (file.entries.has(`blocks.${depth}.norm1.weight`)) depth++;
  if (embedDim % numHeads !== 0) throw new UserError(`${path}: a width of ${embedDim} cannot have ${numHeads} heads.`);
  const imgSize = grid * patchSize;
  return { imgSize, patchSize, embedDim, depth, numHeads, mlpRatio: hidden / embedDim, maskedImageModeling: false };
}

/** What a file may hold besides the backbone: a classifier, and what stands for masked patches in pretraining. */
const LEFT_OUT = /^(head|head_dist|pre_logits)\.|^mask(ed_embed|_token)$/;

/** Features would be wrong without them, and nobody would notice: scales of layers, further norms, further tokens. */
function refuseOthers(file: SafetensorsFile, path: string, parameters: ParameterSet): void {
  const others = [...file.entries.keys()].filter((name) => !parameters.has(name) && !LEFT_OUT.test(name));
  if (others.length === 0) return;
  const more = others.length > 1 ? ` and ${others.length - 1} more` : '';
  throw new UserError(`${path} is no plain vision transformer and cannot be used: it has ${others[0]}${more}.`);
}

/** @throws UserError when the file, or the `config.json` beside it, cannot be used. */
export async function readSafetensorsModel(path: string, fallback: { mean: Colour; std: Colour }): Promise<StoredModel> {
  const file = await openSafetensors(path);
  try {
    const described = join(dirname(path), 'config.json');
    const text = await readFile(described, 'utf8').catch(() => {
      throw new UserError(`${path} needs a config.json beside it that describes the model, as \`ibot export\` writes it.`);
    });
    const { numHeads, mean, std } = parseTimmConfig(text, described);
    const config = sizesOf(file, path, numHeads);
    const backbone = await readBackbone(file, path, config, '');
    refuseOthers(file, path, backbone.parameters);
    return { title: path, config, ...backbone, mean: mean ?? fallback.mean, std: std ?? fallback.std };
  } finally {
    await file.close();
  }
}
