/**
 * The `config.json` beside a model's weights, as timm's hub format has it (timm/models/_hub.py): an architecture's name, the
 * arguments that differ, and how pictures are prepared.
 */
import { z } from 'zod';
import { evaluationShortSide } from '../data';
import { UserError } from '../errors';
import type { VitConfig } from '../nn';

export type Colour = readonly [number, number, number];

/** Models of timm's registry whose width these are; every size that differs is given in `model_args`. */
const families: Record<number, { name: string; patches: readonly number[] }> = {
  192: { name: 'vit_tiny', patches: [16] },
  384: { name: 'vit_small', patches: [8, 16, 32] },
  768: { name: 'vit_base', patches: [8, 16, 32] },
  1024: { name: 'vit_large', patches: [14, 16, 32] },
};

/** The name in timm's registry that comes nearest; where sizes differ from it, `model_args` says so. */
export function timmArchitecture({ embedDim, patchSize }: Pick<VitConfig, 'embedDim' | 'patchSize'>): string {
  const family = families[embedDim] ?? families[192]!;
  return `${family.name}_patch${family.patches.includes(patchSize) ? patchSize : 16}_224`;
}

/**
 * timm makes the short side ⌊size / crop_pct⌋ (timm/data/transforms_factory.py) where evaluation here rounds: the share that leads
 * to the same side, so that its features are the same.
 */
function cropShare(size: number): number {
  const shortSide = evaluationShortSide(size);
  return Math.floor(size / 0.875) === shortSide ? 0.875 : size / (shortSide + 0.5);
}

/** What `timm.create_model('local-dir:…' or 'hf-hub:…')` reads. No classifier: features of the class token. */
export function timmConfig(model: VitConfig, mean: Colour, std: Colour): object {
  const { imgSize, patchSize, embedDim, depth, numHeads, mlpRatio } = model;
  return {
    architecture: timmArchitecture(model),
    num_classes: 0,
    num_features: embedDim,
    global_pool: 'token',
    model_args: {
      img_size: imgSize,
      patch_size: patchSize,
      embed_dim: embedDim,
      depth,
      num_heads: numHeads,
      mlp_ratio: mlpRatio,
      qkv_bias: true,
      class_token: true,
      global_pool: 'token',
      num_classes: 0,
    },
    pretrained_cfg: {
      tag: 'ibot',
      custom_load: false,
      input_size: [3, imgSize, imgSize],
      fixed_input_size: true,
      interpolation: 'bicubic',
      crop_pct: cropShare(imgSize),
      crop_mode: 'center',
      mean,
      std,
      num_classes: 0,
      pool_size: null,
      first_conv: 'patch_embed.proj',
      classifier: 'head',
    },
  };
}

const colour = z.tuple([z.number(), z.number(), z.number()]);
const configSchema = z.looseObject({
  architecture: z.string(),
  model_args: z.looseObject({ num_heads: z.number().int().positive().optional() }).optional(),
  pretrained_cfg: z.looseObject({ mean: colour.optional(), std: colour.optional() }).optional(),
});

const headsByName: Record<string, number> = { tiny: 3, small: 6, base: 12, large: 16 };

export interface TimmDescription {
  numHeads: number;
  mean: Colour | undefined;
  std: Colour | undefined;
}

/**
 * What the tensors themselves do not tell. @param file for messages
 * @throws UserError when it is no such description, or of another kind of network.
 */
export function parseTimmConfig(text: string, file: string): TimmDescription {
  let parsed: z.infer<typeof configSchema>;
  try {
    parsed = configSchema.parse(JSON.parse(text));
  } catch {
    throw new UserError(`${file} does not describe a model as timm does: it needs an "architecture" and its "model_args".`);
  }
  const { architecture, model_args: sizes, pretrained_cfg: preparation } = parsed;
  if (!/^(vit|deit)_/.test(architecture)) {
    throw new UserError(`${file} describes a ${architecture}: only plain vision transformers (vit_…) can be used.`);
  }
  const numHeads = sizes?.num_heads ?? headsByName[architecture.split('_')[1] ?? ''];
  if (!numHeads) throw new UserError(`${file} does not say how many heads the ${architecture} has: add model_args.num_heads.`);
  return { numHeads, mean: preparation?.mean, std: preparation?.std };
}
