/**
 * The recipes of the paper, for ImageNet-sized sets. That of ViT-S is the command in the original's README; those of
 * ViT-B and ViT-L differ in epochs, crop scales and stochastic depth as the paper's section 3.1 and appendix say.
 */
import type { Recipe } from './recipe';

/** Not a preset of this list: options are chosen by `chooseAuto`. */
export const AUTO = 'auto';
/** The original's defaults, for somebody who sets every option. */
export const NO_PRESET = 'none';

export interface Preset {
  /** For people, short. */
  title: string;
  /** One plain sentence. */
  help: string;
  recipe: Partial<Recipe>;
}

const paper: Partial<Recipe> = {
  patch_size: 16,
  batch_size: 1024,
  lr: 5e-4,
  teacher_temp: 0.07,
  warmup_teacher_temp_epochs: 30,
  norm_last_layer: false,
  shared_head: true,
  out_dim: 8192,
  momentum_teacher: 0.996,
  local_crops_number: 10,
  pred_ratio: [0, 0.3],
  pred_ratio_var: [0, 0.2],
};

/** Large models see larger crops: with 0.25 as the border between small and large they learn less. */
const largeModel: Partial<Recipe> = { ...paper, global_crops_scale: [0.32, 1], local_crops_scale: [0.05, 0.32] };

export const presets: Readonly<Record<string, Preset>> = {
  'paper-vit-s': {
    title: 'Paper, ViT-S',
    help: "The paper's ViT-S/16: 800 epochs of ImageNet, 75.2% k-NN.",
    recipe: {
      ...paper,
      arch: 'vit_small',
      epochs: 800,
      drop_path: 0.1,
      global_crops_scale: [0.25, 1],
      local_crops_scale: [0.05, 0.25],
    },
  },
  'paper-vit-b': {
    title: 'Paper, ViT-B',
    help: "The paper's ViT-B/16: 400 epochs of ImageNet, 77.1% k-NN.",
    recipe: { ...largeModel, arch: 'vit_base', epochs: 400, drop_path: 0.1 },
  },
  'paper-vit-l': {
    title: 'Paper, ViT-L',
    help: "The paper's ViT-L/16: 250 epochs of ImageNet, 78.0% k-NN.",
    recipe: { ...largeModel, arch: 'vit_large', epochs: 250, drop_path: 0.4 },
  },
};
