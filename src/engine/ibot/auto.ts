/**
 * `auto`: options chosen from the number of pictures, their size, and what the device can compute in the time there is.
 * The paper's values are for 1.3 million pictures and collapse on small folders. Starting points: LightlyTrain's DINO
 * defaults by the size of the set, and runs of our own: short trials to choose, an hour each to confirm (docs/results.md).
 */
import { UserError } from '../errors';
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

/** A run is too short to learn anything. */
export interface TooShort {
  /** What would do. */
  hours: number;
  /** False where the passes over few pictures are what limits: more time would change nothing. */
  timeLimits: boolean;
}

export interface AutoChoice {
  /** To be laid under what is given. */
  options: Record<string, unknown>;
  recipe: Recipe;
  /** Plain sentences: what was chosen, and why. */
  reasons: string[];
  /** Hours that the run is expected to take. */
  hours: number;
  tooShort?: TooShort;
}

interface Size {
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
  [embed_dim, depth, num_heads]: [number, number, number],
  [patch_size, global_crops_size, local_crops_size, local_crops_number]: [number, number, number, number],
  [head_hidden_dim, head_bottleneck_dim]: [number, number],
): Size => ({
  options: {
    ...{ embed_dim, depth, num_heads },
    ...{ patch_size, global_crops_size, local_crops_size, local_crops_number },
    ...{ head_hidden_dim, head_bottleneck_dim },
  },
});

/** From the cheapest to the dearest. */
const SIZES: readonly Size[] = [
  size([64, 4, 2], [8, 48, 24, 4], [512, 128]),
  size([128, 4, 2], [8, 48, 24, 4], [512, 128]),
  size([192, 6, 3], [8, 64, 32, 4], [512, 128]),
  size([192, 12, 3], [8, 96, 48, 4], [1024, 256]),
  size([384, 12, 6], [16, 128, 64, 6], [2048, 256]),
  size([384, 12, 6], [16, 224, 96, 8], [2048, 256]),
  size([768, 12, 12], [16, 224, 96, 8], [2048, 256]),
];

/** Fewer looks at pictures, or fewer steps, have never moved the features far from where they started. */
const LEAST_VIEWS = 40_000;
const LEAST_STEPS = 500;
/** More passes than this over a small folder bring little. */
const MOST_EPOCHS = 800;
/** Longer than this is only taken when asked for. */
const LONGEST_HOURS = 10;
/** The original's strongest blur, in pixels, and the crops it is meant for. */
const BLUR = { radius: 2, size: 224 };

/** Looks at pictures (with repetition) that a run should have before a larger model is worth its cost. */
const wantedViews = (pictures: number): number =>
  Math.min(MOST_EPOCHS * pictures, Math.max(150_000, Math.min(100 * pictures, 4_000_000 + 10 * pictures)));

/** Outputs of the head by the size of the set (LightlyTrain's DINO defaults). */
const outputs = (pictures: number): number =>
  pictures <= 20_000 ? 1024 : pictures <= 50_000 ? 2048 : pictures <= 100_000 ? 4096 : 8192;

/** Linear in the logarithm of the set's size between 20,000 pictures and ImageNet's 1.28 million. */
function bySetSize(pictures: number, small: number, large: number): number {
  const share = Math.log(pictures / 20_000) / Math.log(1_281_167 / 20_000);
  return small + (large - small) * Math.max(0, Math.min(1, share));
}

const round = (value: number, digits: number): number => Number(value.toPrecision(digits));
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

function batchSize(pictures: number, accumulate: number): number {
  let batch = pictures >= 100_000 ? 256 : pictures >= 20_000 ? 128 : 64;
  while (batch > 8 && batch > pictures / 4) batch /= 2;
  return Math.max(accumulate, Math.ceil(Math.min(batch, pictures) / accumulate) * accumulate);
}

/** The crop's size as a multiple of the patch, at least two patches wide. */
const toPatches = (pixels: number, patch: number): number => Math.max(2, Math.round(pixels / patch)) * patch;

/** Options for one size and length. Warm-ups are counted in steps: 10% of the run for the rate, 30% for the temperature. */
function optionsFor(input: AutoInput, chosen: Size, epochs: number): Record<string, unknown> {
  const { pictures, given = {} } = input;
  const temperature = round(bySetSize(pictures, 0.02, 0.07), 2);
  const patchTemperature = round(bySetSize(pictures, 0.04, 0.07), 2);
  const small = pictures < 100_000;
  const { embed_dim, depth, num_heads, ...rest } = chosen.options;
  const patch = numberOf(given.patch_size) ?? rest.patch_size;
  const globalSize = toPatches(rest.global_crops_size, patch);
  const cropSize = numberOf(given.global_crops_size) ?? globalSize;
  return {
    // An arch that is given brings its own width, depth and heads.
    ...(given.arch === undefined ? { embed_dim, depth, num_heads } : {}),
    ...rest,
    patch_size: patch,
    global_crops_size: globalSize,
    local_crops_size: toPatches(rest.local_crops_size, patch),
    blur_radius: [0.1, round(Math.max(0.2, Math.min(1, cropSize / BLUR.size) * BLUR.radius), 2)],
    epochs,
    batch_size: batchSize(pictures, numberOf(given.accumulate) ?? 1),
    out_dim: outputs(pictures),
    shared_head: true,
    norm_last_layer: true,
    centering: small ? 'sinkhorn_knopp' : 'centering',
    koleo_weight: small ? 0.02 : 0.1,
    lr: small ? 8e-3 : 2e-3,
    min_lr: 1e-6,
    warmup_epochs: round(0.1 * epochs, 3),
    warmup_teacher_temp: 0.02,
    teacher_temp: temperature,
    warmup_teacher_patch_temp: 0.04,
    teacher_patch_temp: patchTemperature,
    warmup_teacher_temp_epochs: round(0.3 * epochs, 3),
    momentum_teacher: round(bySetSize(pictures, 0.99, 0.996), 3),
    freeze_last_layer: Math.min(1, round(0.03 * epochs, 3)),
    global_crops_scale: [0.3, 1],
    local_crops_scale: [0.08, 0.3],
    pred_ratio: [0, 0.3],
    pred_ratio_var: [0, 0.2],
    drop_path: chosen.options.depth >= 12 ? 0.1 : 0,
  };
}

const hoursText = (hours: number): string => {
  if (hours >= 0.95) return hours < 1.05 ? '1 hour' : `${round(hours, 2)} hours`;
  const minutes = Math.max(1, Math.round(hours * 60));
  return minutes === 1 ? '1 minute' : `${minutes} minutes`;
};

const thousands = (n: number): string => Math.round(n).toLocaleString('en');

/** What was chosen, in sentences made from the options as they are resolved, given ones included. */
function describe(input: AutoInput, recipe: Recipe, seen: number, steps: number, hours: number): string[] {
  const { pictures, side, flopsPerSecond } = input;
  const warmups = recipe.warmup_epochs + recipe.warmup_teacher_temp_epochs;
  const share = (epochs: number): string => `${Math.round((100 * epochs) / recipe.epochs)}%`;
  return [
    `${thousands(pictures)} pictures to train on, ${side} pixels on the short side (median), and a device that trains at about ` +
      `${thousands(flopsPerSecond / 1e9)} GFLOP/s: a transformer ${recipe.embed_dim} wide with ${recipe.depth} blocks, ` +
      `patches of ${recipe.patch_size} pixels, crops of ${recipe.global_crops_size}.`,
    `${round(recipe.epochs, 3)} passes over the pictures in about ${hoursText(hours)}: ${thousands(seen)} views in ` +
      `${thousands(steps)} steps of ${recipe.batch_size}.`,
    `${thousands(recipe.out_dim)} outputs of the head` +
      (recipe.out_dim < 8192 ? " (the paper's 8,192 are for a million pictures; small folders collapse with them)." : '.'),
    `Teacher temperature ${
      recipe.warmup_teacher_temp === recipe.teacher_temp
        ? `${recipe.teacher_temp} throughout`
        : `from ${recipe.warmup_teacher_temp} to ${recipe.teacher_temp} over the first ${share(recipe.warmup_teacher_temp_epochs)} of the run`
    }, teacher momentum from ${recipe.momentum_teacher}` +
      (warmups > 0 ? `, learning rate warmed up over the first ${share(recipe.warmup_epochs)}` : '') +
      ': what keeps small sets from collapsing.',
    ...(recipe.centering === 'sinkhorn_knopp'
      ? ["The teacher's [CLS] outputs of a batch are spread evenly over all outputs (Sinkhorn–Knopp): nothing can collapse onto a few."]
      : []),
    ...(recipe.koleo_weight > 0
      ? [`Features of a batch are pushed apart with weight ${recipe.koleo_weight} (KoLeo), which keeps their rank from falling.`]
      : []),
  ];
}

/** Chooses. @throws UserError from `resolveRecipe` where what is given cannot be combined with anything. */
export function chooseAuto(input: AutoInput): AutoChoice {
  const { pictures, side, flopsPerSecond, given = {} } = input;
  const asked = numberOf(given.epochs);
  // Given warm-ups have to fit into the run, whatever its length.
  const shortest = Math.max(numberOf(given.warmup_epochs) ?? 0, numberOf(given.warmup_teacher_temp_epochs) ?? 0);
  const resolve = (chosen: Size, epochs: number): Recipe => resolveRecipe({ ...optionsFor(input, chosen, epochs), ...given });
  const secondsPerView = (chosen: Size): number =>
    flopsPerPicture(resolve(chosen, asked ?? Math.max(100, shortest))) / flopsPerSecond;
  const hoursFor = (chosen: Size, views: number): number => (views * secondsPerView(chosen)) / 3600;
  // Enlarging pictures adds nothing to be seen: crops are at most about as large as the pictures, the smallest excepted.
  const fitting = SIZES.filter((s, i) => i === 0 || s.options.global_crops_size <= Math.max(side, 48) * 1.2);
  const wanted = wantedViews(pictures);
  const limit = input.hours ?? LONGEST_HOURS;
  const chosen = fitting.filter((s) => hoursFor(s, wanted) <= limit).at(-1) ?? fitting[0]!;
  const hours = input.hours ?? Math.min(LONGEST_HOURS, hoursFor(chosen, wanted));
  const views = (hours * 3600) / secondsPerView(chosen);
  const affordable = Math.min(MOST_EPOCHS, Math.floor((views / pictures) * 100) / 100);
  const epochs = asked ?? Math.max(affordable, shortest, 0.01);
  const recipe = resolve(chosen, epochs);
  const stepsPerEpoch = Math.max(1, Math.floor(pictures / recipe.batch_size));
  const steps = Math.round(epochs * stepsPerEpoch);
  const leastViews = Math.max(LEAST_VIEWS, LEAST_STEPS * recipe.batch_size);
  const needed = hoursFor(chosen, leastViews);
  if (steps < 1) {
    throw new UserError(`That is no time to train in: not one step fits. Give it ${hoursText(needed)} (--hours ${round(needed, 2)}).`);
  }
  const seen = steps * recipe.batch_size;
  const expected = hoursFor(chosen, seen);
  const choice: AutoChoice = {
    options: optionsFor(input, chosen, epochs),
    recipe,
    reasons: describe(input, recipe, seen, steps, expected),
    hours: expected,
  };
  const timeLimits = asked !== undefined || affordable < MOST_EPOCHS;
  return seen < leastViews ? { ...choice, tooShort: { hours: needed, timeLimits } } : choice;
}
