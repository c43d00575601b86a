/**
 * Combinations of options that cannot work: what is wrong, and the ways out. The command line tells the first one, a form all
 * of them, with a button for each way out.
 */
import { UserError } from '../errors';
import { options } from './recipe-options';
import type { Recipe } from './recipe';

export interface WayOut {
  /** "Set patch output size to 1,024". */
  label: string;
  /** Options to change, and to what; null: back to what follows without it. */
  changes: Readonly<Record<string, number | boolean | string | readonly number[] | null>>;
}

export interface RecipeConflict {
  /** What it is about; the first is where it is shown. */
  options: readonly string[];
  /** What is impossible and why; no full stop. */
  reason: string;
  /** What to do, for where there are no buttons; no full stop. */
  advice: string;
  /** Best first. */
  waysOut: readonly WayOut[];
}

/** Options that cannot be, or cannot be together. The message is the first conflict's. */
export class RecipeError extends UserError {
  constructor(
    readonly conflicts: readonly RecipeConflict[],
    /** Every option as it would be without the conflicts, as far as that can be told. */
    readonly values: Readonly<Record<string, unknown>>,
  ) {
    const { reason, advice } = conflicts[0]!;
    super(advice === '' ? `${reason}.` : `${reason}: ${advice}.`);
    this.name = 'RecipeError';
  }
}

/** The title inside a sentence. */
export const titleOf = (name: string): string => {
  const title = options[name]?.title ?? name;
  return title.slice(0, 1).toLowerCase() + title.slice(1);
};

/** "Set patch output size to 1,024". */
export function setTo(name: string, value: number | string | boolean | readonly number[]): WayOut {
  const shown = (each: number | string | boolean): string => {
    if (typeof each !== 'number') return String(each);
    if (options[name]?.unit === 'share') return `${Number((100 * each).toPrecision(4))}%`;
    return each.toLocaleString('en', { maximumSignificantDigits: 8 });
  };
  return { label: `Set ${titleOf(name)} to ${[value].flat().map(shown).join(' – ')}`, changes: { [name]: value } };
}

/** All conflicts of options that are each possible, in the order of the parts of the program that they concern. */
export function conflictsOf(recipe: Recipe): RecipeConflict[] {
  return [...ofModel(recipe), ...ofHead(recipe), ...ofCrops(recipe), ...ofMasks(recipe), ...ofTraining(recipe)];
}

/** A head's size that the attention kernels take. */
const isHeadSize = (size: number): boolean => Number.isInteger(size) && size % 4 === 0 && size <= 128;

function ofModel({ embed_dim: width, num_heads: heads, mlp_ratio: ratio }: Recipe): RecipeConflict[] {
  const conflicts: RecipeConflict[] = [];
  const size = width / heads;
  if (!isHeadSize(size)) {
    const nearWidth = Math.min(128, Math.max(4, Math.round(size / 4) * 4)) * heads;
    // The original's heads are 64 wide.
    const [nearHeads] = Array.from({ length: 64 }, (_, i) => i + 1)
      .filter((count) => isHeadSize(width / count))
      .sort((a, b) => Math.abs(a - width / 64) - Math.abs(b - width / 64));
    const whole = Number.isInteger(size);
    conflicts.push({
      options: ['embed_dim', 'num_heads'],
      reason: whole
        ? `embed_dim / num_heads is ${size}, and must be a multiple of 4 up to 128`
        : `embed_dim ${width} cannot be divided among num_heads ${heads}`,
      advice: whole ? 'change one of them' : 'choose a multiple',
      waysOut: [
        ...(nearHeads === undefined ? [] : [setTo('num_heads', nearHeads)]),
        ...(nearWidth <= options.embed_dim!.maximum! ? [setTo('embed_dim', nearWidth)] : []),
      ],
    });
  }
  if (!Number.isInteger(width * ratio)) {
    const near = Math.max(1, Math.round(width * ratio)) / width;
    conflicts.push({
      options: ['mlp_ratio', 'embed_dim'],
      reason: `mlp_ratio ${ratio} times embed_dim ${width} is no whole number`,
      advice: 'change one of them',
      waysOut: [...new Set([near, 4])].filter((r) => r <= 16 && Number.isInteger(width * r)).map((r) => setTo('mlp_ratio', r)),
    });
  }
  return conflicts;
}

function ofHead({ out_dim: out, patch_out_dim: patchOut, shared_head_teacher: shared }: Recipe): RecipeConflict[] {
  if (patchOut === out || !shared) return [];
  return [
    {
      options: ['patch_out_dim', 'out_dim', 'shared_head_teacher'],
      reason: `patch_out_dim ${patchOut} must equal out_dim ${out} while the teacher shares its head`,
      advice: 'make them equal, or set shared_head_teacher to false',
      waysOut: [
        setTo('patch_out_dim', out),
        { label: 'Give the teacher two heads', changes: { shared_head_teacher: false } },
        setTo('out_dim', patchOut),
      ],
    },
  ];
}

function ofCrops(recipe: Recipe): RecipeConflict[] {
  const patch = recipe.patch_size;
  const conflict = (name: 'global_crops_size' | 'local_crops_size'): RecipeConflict[] => {
    const size = recipe[name];
    if (size % patch === 0) return [];
    const below = Math.floor(size / patch) * patch;
    const sizes = below > 0 ? [below, below + patch] : [patch];
    return [
      {
        options: [name, 'patch_size'],
        reason: `${name} ${size} is not a multiple of patch_size ${patch}`,
        advice: `take ${sizes.join(' or ')}`,
        waysOut: sizes
          .filter((near) => near <= options[name]!.maximum!)
          .sort((a, b) => Math.abs(a - size) - Math.abs(b - size))
          .map((near) => setTo(name, near)),
      },
    ];
  };
  return [...conflict('global_crops_size'), ...(recipe.local_crops_number > 0 ? conflict('local_crops_size') : [])];
}

function ofMasks({ pred_ratio: ratios, pred_ratio_var: variances }: Recipe): RecipeConflict[] {
  if (ratios.length !== variances.length) {
    return [
      {
        options: ['pred_ratio_var', 'pred_ratio'],
        reason: `pred_ratio has ${ratios.length} entries and pred_ratio_var ${variances.length}`,
        advice: 'give one variance for all or one per entry',
        waysOut: [setTo('pred_ratio_var', [0])],
      },
    ];
  }
  // In f64 0.7 + 0.3 may come out above 1.
  const at = ratios.findIndex((ratio, i) => variances[i]! > ratio || ratio + variances[i]! > 1 + 1e-12);
  if (at < 0) return [];
  const lowered = ratios.map((ratio, i) => Math.min(variances[i]!, ratio, Number((1 - ratio).toPrecision(12))));
  return [
    {
      options: ['pred_ratio_var', 'pred_ratio'],
      reason: `pred_ratio ${ratios[at]} varied by ${variances[at]} leaves the range 0 to 1`,
      advice: 'lower pred_ratio_var',
      waysOut: [setTo('pred_ratio_var', lowered)],
    },
  ];
}

function ofTraining(recipe: Recipe): RecipeConflict[] {
  const { epochs, warmup_epochs: warmup, warmup_teacher_temp_epochs: ramp, pred_start_epoch: start } = recipe;
  const conflicts: RecipeConflict[] = [];
  /** Rounded down, so that it never exceeds what it is a share of. */
  const rounded = (value: number): number => Math.floor(value * 1000) / 1000;
  if (warmup > epochs) {
    conflicts.push({
      options: ['warmup_epochs', 'epochs'],
      reason: `warmup_epochs ${warmup} is longer than the run of ${epochs} epochs`,
      advice: 'lower it, or train longer',
      waysOut: [setTo('warmup_epochs', rounded(0.1 * epochs)), setTo('epochs', Math.ceil(10 * warmup))],
    });
  }
  if (start + ramp > epochs) {
    const delay = start > 0 ? ` after pred_start_epoch ${start}` : '';
    conflicts.push({
      options: ['warmup_teacher_temp_epochs', 'epochs', ...(start > 0 ? ['pred_start_epoch'] : [])],
      reason: `warmup_teacher_temp_epochs ${ramp}${delay} is longer than the run of ${epochs} epochs`,
      advice: 'lower it, or train longer',
      waysOut: [
        ...(start <= epochs
          ? [setTo('warmup_teacher_temp_epochs', rounded(Math.min(0.3 * epochs, epochs - start)))]
          : [setTo('pred_start_epoch', Math.max(0, Math.floor(epochs - ramp)))]),
        setTo('epochs', Math.ceil(start + ramp)),
      ],
    });
  }
  const { batch_size: batch, accumulate } = recipe;
  if (batch % accumulate !== 0) {
    const below = Math.floor(batch / accumulate) * accumulate;
    let divisor = Math.min(accumulate, batch);
    while (batch % divisor !== 0) divisor--;
    conflicts.push({
      options: ['accumulate', 'batch_size'],
      reason: `batch_size ${batch} cannot be computed in ${accumulate} equal parts`,
      advice: 'change accumulate',
      waysOut: [setTo('accumulate', divisor), setTo('batch_size', below > 0 ? below : accumulate)],
    });
  }
  return conflicts;
}
