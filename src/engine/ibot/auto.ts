/**
 * `auto`: options chosen from the number of pictures, their size, and what the device can compute in the time there is.
 * The paper's values are for 1.3 million pictures and collapse on small folders. Starting points: LightlyTrain's DINO
 * defaults by the size of the set, and this project's own runs (docs/results.md).
 */
import { resolveRecipe, type Recipe } from './recipe';
import { flopsPerPicture } from './step-cost';

export interface AutoInput {
  /** Pictures to train on. */
  pictures: number;
  /** Median of the shorter side of the pictures, in pixels. */
  side: number;
  /** Floating-point operations per second that training reaches on this device. */
  flopsPerSecond: number;
  /** Hours there are; undefined: as many as recommended. */
  hours?: number;
  /** Options that are given and must not be chosen. */
  given?: Readonly<Record<string, unknown>>;
}

export interface AutoChoice {
  /** To be laid under what is given. */
  options: Record<string, unknown>;
  recipe: Recipe;
  /** Plain sentences: what was chosen, and why. */
  reasons: string[];
  /** Hours that the run is expected to take. */
  hours: number;
  /** Set when the time is too short to learn anything: what would do, in hours. */
  tooShort?: { hours: number };
}

interface Size {
  name: string;
  options: {
    embed_dim: number;
    depth: number;
    num_heads: number;
    patch_size: number;
    global_crops_size: number;
    local_crops_size: number;
    local_crops_number: number;
    head_hidden_dim: number;
    head_bottleneck_dim: number;
  };
}

const size = (
  name: string,
  [embed_dim, depth, num_heads]: [number, number, number],
  [patch_size, global_crops_size, local_crops_size, local_crops_number]: [number, number, number, number],
  [head_hidden_dim, head_bottleneck_dim]: [number, number],
): Size => ({
  name,
  options: {
    ...{ embed_dim, depth, num_heads },
    ...{ patch_size, global_crops_size, local_crops_size, local_crops_number },
    ...{ head_hidden_dim, head_bottleneck_dim },
  },
});

/** From the cheapest to the dearest. */
const SIZES: readonly Size[] = [
  size('a very small transformer (128 wide, 4 blocks) on 48-pixel crops', [128, 4, 2], [8, 48, 24, 4], [512, 128]),
  size('a small transformer (192 wide, 6 blocks) on 64-pixel crops', [192, 6, 3], [8, 64, 32, 4], [512, 128]),
  size('ViT-Ti (192 wide, 12 blocks) on 96-pixel crops', [192, 12, 3], [8, 96, 48, 4], [1024, 256]),
  size('ViT-S (384 wide, 12 blocks) on 128-pixel crops', [384, 12, 6], [16, 128, 64, 6], [2048, 256]),
  size('ViT-S (384 wide, 12 blocks) on 224-pixel crops', [384, 12, 6], [16, 224, 96, 8], [2048, 256]),
  size('ViT-B (768 wide, 12 blocks) on 224-pixel crops', [768, 12, 12], [16, 224, 96, 8], [2048, 256]),
];

/** Fewer looks at pictures than this have never moved the features far from where they started. */
const LEAST_VIEWS = 40_000;
const LEAST_STEPS = 500;
/** More passes than this over a small folder bring little. */
const MOST_EPOCHS = 800;

/** Looks at pictures (with repetition) that a run should have before a larger model is worth its cost. */
const wantedViews = (pictures: number): number => Math.max(150_000, Math.min(100 * pictures, 4_000_000 + 10 * pictures));

/** Outputs of the head by the size of the set (LightlyTrain's DINO defaults). */
const outputs = (pictures: number): number =>
  pictures <= 20_000 ? 1024 : pictures <= 50_000 ? 2048 : pictures <= 100_000 ? 4096 : 8192;

/** Linear in the logarithm of the set's size between 20,000 pictures and ImageNet's 1.28 million. */
function bySetSize(pictures: number, small: number, large: number): number {
  const share = Math.log(pictures / 20_000) / Math.log(1_281_167 / 20_000);
  return small + (large - small) * Math.max(0, Math.min(1, share));
}

const round = (value: number, digits: number): number => Number(value.toPrecision(digits));

function batchSize(pictures: number): number {
  if (pictures >= 100_000) return 256;
  if (pictures >= 20_000) return 128;
  let batch = 64;
  while (batch > 8 && batch > pictures / 4) batch /= 2;
  return Math.max(1, Math.min(batch, pictures));
}

/** Options for one size and length. Warm-ups are counted in steps: 10% of the run for the rate, 30% for the temperature. */
function optionsFor(input: AutoInput, chosen: Size, epochs: number): Record<string, unknown> {
  const { pictures } = input;
  const temperature = round(bySetSize(pictures, 0.04, 0.07), 2);
  return {
    ...chosen.options,
    epochs,
    batch_size: batchSize(pictures),
    out_dim: outputs(pictures),
    shared_head: true,
    norm_last_layer: true,
    lr: 2e-3,
    min_lr: 1e-6,
    warmup_epochs: round(0.1 * epochs + 1e-3, 3),
    warmup_teacher_temp: 0.02,
    teacher_temp: temperature,
    warmup_teacher_patch_temp: 0.02,
    teacher_patch_temp: temperature,
    warmup_teacher_temp_epochs: round(0.3 * epochs + 1e-3, 3),
    momentum_teacher: round(bySetSize(pictures, 0.99, 0.996), 3),
    freeze_last_layer: Math.min(1, round(0.03 * epochs + 1e-3, 3)),
    global_crops_scale: [0.3, 1],
    local_crops_scale: [0.08, 0.3],
    pred_ratio: [0, 0.3],
    pred_ratio_var: [0, 0.2],
    drop_path: chosen.options.depth >= 12 ? 0.1 : 0,
  };
}

const hoursText = (hours: number): string =>
  hours < 1 ? `${Math.max(1, Math.round(hours * 60))} minutes` : `${round(hours, 2)} hour${hours === 1 ? '' : 's'}`;

/** Chooses. @throws UserError from `resolveRecipe` where what is given cannot be combined with anything. */
export function chooseAuto(input: AutoInput): AutoChoice {
  const { pictures, side, flopsPerSecond, given = {} } = input;
  const resolve = (chosen: Size, epochs: number): Recipe => resolveRecipe({ ...optionsFor(input, chosen, epochs), ...given });
  const epochsAsked = typeof given.epochs === 'number' ? given.epochs : undefined;
  const secondsPerView = (chosen: Size): number => flopsPerPicture(resolve(chosen, epochsAsked ?? 100)) / flopsPerSecond;
  // Enlarging pictures adds nothing to be seen: crops are at most as large as the pictures, the smallest size excepted.
  const fitting = SIZES.filter((s, i) => i === 0 || s.options.global_crops_size <= Math.max(side, 48) * 1.2);
  const wanted = Math.min(wantedViews(pictures), MOST_EPOCHS * pictures);
  const hoursFor = (chosen: Size, views: number): number => (views * secondsPerView(chosen)) / 3600;

  let hours = input.hours;
  let chosen: Size;
  if (hours === undefined) {
    // The largest that reaches the wanted number of views overnight; on slow devices the smallest, at most a night.
    const affordable = fitting.filter((s) => hoursFor(s, wanted) <= 10);
    chosen = affordable.at(-1) ?? fitting[0]!;
    hours = Math.min(10, hoursFor(chosen, wanted));
  } else {
    const available = hours;
    chosen = fitting.filter((s) => hoursFor(s, wanted) <= available).at(-1) ?? fitting[0]!;
  }
  const views = (hours * 3600) / secondsPerView(chosen);
  const epochs = epochsAsked ?? Math.max(1, Math.min(MOST_EPOCHS, Math.floor((views / pictures) * 10) / 10));
  const recipe = resolve(chosen, epochs);
  const stepsPerEpoch = Math.max(1, Math.floor(pictures / recipe.batch_size));
  const steps = Math.round(epochs * stepsPerEpoch);
  const seen = steps * recipe.batch_size;
  const expected = hoursFor(chosen, seen);
  const leastViews = Math.max(LEAST_VIEWS, LEAST_STEPS * recipe.batch_size);
  const needed = hoursFor(chosen, leastViews);

  const reasons = [
    `${pictures.toLocaleString('en')} pictures to train on, ${side} pixels on the short side (median), ` +
      `and a device that trains at about ${(flopsPerSecond / 1e9).toFixed(0)} GFLOP/s: ${chosen.name}.`,
    `${round(epochs, 3)} passes over the pictures in ${hoursText(expected)}: each is seen ${Math.round(epochs)} times, ` +
      `${seen.toLocaleString('en')} views in ${steps.toLocaleString('en')} steps of ${recipe.batch_size}.`,
    `${recipe.out_dim} outputs of the head (the paper's 8192 are for a million pictures; small folders collapse with them).`,
    `Teacher temperature from ${recipe.warmup_teacher_temp} to ${recipe.teacher_temp} over the first 30% of the run, ` +
      `learning rate warmed up over the first 10%, teacher momentum from ${recipe.momentum_teacher}: what keeps small sets from collapsing.`,
  ];
  const choice: AutoChoice = { options: optionsFor(input, chosen, epochs), recipe, reasons, hours: expected };
  return seen < leastViews && epochsAsked === undefined && needed > (input.hours ?? Infinity)
    ? { ...choice, tooShort: { hours: needed } }
    : choice;
}
