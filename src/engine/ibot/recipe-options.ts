/**
 * The one list of options: command line, form, help and documentation come from it. Every option of the original's
 * parser (main_ibot.py, get_args_parser) is here under its own name, with its default unless a reason is given.
 */
import { LARGEST_CROP } from '../ops';

/** Groups in the order of the form, with what stands over them. */
export const optionGroups = {
  model: 'Model',
  crops: 'Crops',
  masks: 'Masks and losses',
  head: 'Projection head',
  teacher: 'Teacher',
  training: 'Training',
  run: 'Run',
  evaluation: 'Evaluation',
} as const;
export type OptionGroup = keyof typeof optionGroups;
export type OptionType = 'number' | 'integer' | 'boolean' | 'choice' | 'numbers' | 'text';

export interface OptionDescriptor<Value = unknown> {
  type: OptionType;
  /** Null: follows from other options (see `resolveRecipe`). */
  default: Value;
  group: OptionGroup;
  /** For people, in a form: "Local crops". */
  title: string;
  /** "px", "epochs"; 'share' is shown in percent; without: a bare number. */
  unit?: string;
  /** One plain sentence. */
  help: string;
  /** The original's parser has an option of this name. */
  original?: boolean;
  /** `refused`: any value but the default is turned down with `reason`. `alias`: another name of `aliasOf`. */
  status: 'honoured' | 'alias' | 'refused';
  reason?: string;
  aliasOf?: string;
  choices?: readonly string[];
  /** Choices that mean another one. */
  choiceAliases?: Readonly<Record<string, string>>;
  /** Choices of the original that are turned down, with the reason. */
  refusedChoices?: Readonly<Record<string, string>>;
  /** Bounds that are allowed themselves … */
  minimum?: number;
  maximum?: number;
  /** … and bounds that are not. */
  above?: number;
  below?: number;
  /** How many numbers a list must have; two are a range, the smaller first. */
  count?: number;
}

type Details = Partial<Omit<OptionDescriptor, 'type' | 'default' | 'group' | 'title' | 'help'>>;
type Maker<Value> = (group: OptionGroup, title: string, value: Value, help: string, details?: Details) => OptionDescriptor<Value>;

const maker =
  <Value>(type: OptionType): Maker<Value> =>
  (group, title, value, help, details = {}) => ({ type, default: value, group, title, help, status: 'honoured', ...details });

const number = maker<number>('number');
const integer = maker<number>('integer');
const flag = maker<boolean>('boolean');
const numbers = maker<number[]>('numbers');
const text = maker<string>('text');
/** Numbers that the chosen `arch` gives where they are not given themselves. */
const derived = maker<number | null>('integer');

function choice<const Choice extends string>(
  group: OptionGroup,
  title: string,
  choices: readonly Choice[],
  value: NoInfer<Choice>,
  help: string,
  details: Details = {},
): OptionDescriptor<Choice> {
  return { type: 'choice', default: value, group, title, help, status: 'honoured', choices, ...details };
}

const original = true;
const positive = { original, above: 0 };
const atLeastZero = { original, minimum: 0 };
const share = { original, minimum: 0, maximum: 1 };
const swin = 'Swin is not built yet: choose vit_tiny, vit_small, vit_base or vit_large';
const batchNorm = 'batch norms in the head are not built yet: choose ln or none';

/** The options that make up a `Recipe`. */
export const recipeOptions = {
  arch: choice('model', 'Model size', ['vit_tiny', 'vit_small', 'vit_base', 'vit_large'], 'vit_small',
    'Size of the transformer.',
    {
      original,
      choiceAliases: { deit_tiny: 'vit_tiny', deit_small: 'vit_small' },
      refusedChoices: { swin_tiny: swin, swin_small: swin, swin_base: swin, swin_large: swin },
    }),
  patch_size: integer('model', 'Patch size', 16,
    'Side of a square patch in pixels; smaller is better and slower.', { original, minimum: 2, maximum: 64, unit: 'px' }),
  embed_dim: derived('model', 'Width', null, 'Width of a token, in place of the one of `arch`.', { minimum: 4, maximum: 4096 }),
  depth: derived('model', 'Blocks', null, 'Number of blocks, in place of the one of `arch`.', { minimum: 1, maximum: 96 }),
  num_heads: derived('model', 'Attention heads', null,
    'Attention heads per block, in place of the number of `arch`.', { minimum: 1, maximum: 64 }),
  mlp_ratio: number('model', 'Hidden width of a block', 4,
    "Width of a block's hidden layer as a multiple of embed_dim.", { above: 0, maximum: 16, unit: '× width' }),
  drop_path: number('model', 'Stochastic depth', 0.1,
    'Stochastic depth of the student: the share of samples for which its last block is skipped.',
    { original, minimum: 0, below: 1, unit: 'share' }),

  out_dim: integer('head', '[CLS] output size', 8192,
    'Outputs of the head for [CLS]; small folders need fewer, such as 1024.', { original, minimum: 2, maximum: 262_144 }),
  patch_out_dim: integer('head', 'Patch output size', 8192,
    'Outputs of the head for patches, where the two do not share a head.', { original, minimum: 2, maximum: 262_144 }),
  shared_head: flag('head', 'Student shares its head', false,
    "Whether the student's [CLS] and patches share one head; patch_out_dim is then out_dim.", { original }),
  shared_head_teacher: flag('head', 'Teacher shares its head', true,
    "Whether the teacher's [CLS] and patches share one head.", { original }),
  norm_last_layer: flag('head', 'Last layer normalised', true,
    "Whether each output's weights keep length 1; steadier, mostly slightly worse.", { original }),
  norm_in_head: choice('head', 'Normalisation in the head', ['none', 'ln'], 'none',
    'Normalisation in the head.',
    {
      original,
      choiceAliases: { None: 'none' },
      refusedChoices: { bn: batchNorm, syncbn: batchNorm, csyncbn: batchNorm, psyncbn: batchNorm },
    }),
  act_in_head: choice('head', 'Activation in the head', ['gelu', 'relu'], 'gelu', 'Activation in the head.', { original }),
  head_hidden_dim: integer('head', 'Hidden width of the head', 2048,
    "Width of the head's hidden layers.", { minimum: 1, maximum: 65_536 }),
  head_bottleneck_dim: integer('head', 'Bottleneck of the head', 256,
    'Width before the last layer.', { minimum: 1, maximum: 65_536 }),
  head_layers: integer('head', 'Layers of the head', 3, 'Layers of the head before the last one.', { minimum: 1, maximum: 16 }),

  use_masked_im_modeling: flag('masks', 'Hide masked patches', true,
    'Whether masked patches are hidden from the student.', { original }),
  pred_ratio: numbers('masks', 'Patches masked', [0.3],
    'Share of patches to mask; of a list every crop takes one entry at random.', { ...share, unit: 'share' }),
  pred_ratio_var: numbers('masks', 'Masked share varies by', [0],
    'How far a share may vary up and down; one for all or one per entry.', { ...share, unit: 'share' }),
  pred_shape: choice('masks', 'Mask shape', ['block', 'rand'], 'block', 'Rectangles, or single patches anywhere.', { original }),
  pred_aspect_ratio: numbers('masks', 'Mask aspect ratio', [0.3, 1 / 0.3],
    'Least and greatest height of a rectangle relative to its width.', { above: 0, count: 2 }),
  pred_start_epoch: integer('masks', 'Masks begin after', 0,
    'Epoch from which patches are masked, counted from 0.', { ...atLeastZero, unit: 'epochs' }),
  lambda1: number('masks', 'Weight of the [CLS] loss', 1, 'Weight of the loss of [CLS].', atLeastZero),
  lambda2: number('masks', 'Weight of the patch loss', 1, 'Weight of the loss of masked patches.', atLeastZero),
  koleo_weight: number('training', 'Weight of KoLeo', 0,
    'Weight of a loss that spreads the [CLS] features of a batch apart (KoLeo, from DINOv2).', { minimum: 0 }),

  momentum_teacher: number('teacher', 'Teacher momentum', 0.996,
    'Share of itself that the teacher keeps per step; rises to 1. Small batches need more.', share),
  warmup_teacher_temp: number('teacher', 'First [CLS] temperature', 0.04,
    'Temperature of the teacher at the start; lower it if the loss does not fall.', positive),
  teacher_temp: number('teacher', '[CLS] temperature', 0.04,
    'Temperature of the teacher after warm-up; above 0.07 is mostly unstable.', positive),
  warmup_teacher_patch_temp: number('teacher', 'First patch temperature', 0.04, 'As warmup_teacher_temp, for patches.', positive),
  teacher_patch_temp: number('teacher', 'Patch temperature', 0.07, 'As teacher_temp, for patches.', positive),
  warmup_teacher_temp_epochs: number('teacher', 'Temperature warm-up', 30,
    "Epochs of the teacher temperature's warm-up; a fraction is counted in steps.", { ...atLeastZero, unit: 'epochs' }),
  student_temp: number('teacher', 'Student temperature', 0.1, 'Temperature of the student.', { above: 0 }),
  centering: choice('teacher', 'Centring of [CLS]', ['centering', 'sinkhorn_knopp'], 'centering',
    'How collapse is kept away: a moving centre, or an even spread over each batch (Sinkhorn–Knopp, from DINOv2).'),
  center_momentum: number('teacher', '[CLS] centre momentum', 0.9,
    'Share of itself that the centre of [CLS] outputs keeps per step.', { minimum: 0, maximum: 1 }),
  center_momentum2: number('teacher', 'Patch centre momentum', 0.9,
    'Share of itself that the centre of patch outputs keeps per step.', { minimum: 0, maximum: 1 }),

  epochs: number('training', 'Epochs', 100, 'Passes over the pictures; may be a fraction.', { ...positive, unit: 'epochs' }),
  batch_size: integer('training', 'Batch size', 128,
    'Pictures per step of the optimiser.', { minimum: 1, maximum: 1_048_576, unit: 'pictures' }),
  accumulate: integer('training', 'Parts of a batch', 1,
    'Parts in which a batch is computed, to need less memory; without KoLeo and Sinkhorn–Knopp the result is the same.', { minimum: 1 }),
  lr: number('training', 'Learning rate', 0.0005,
    'Highest learning rate, for a batch of 256; it is scaled with the batch.', positive),
  min_lr: number('training', 'Last learning rate', 1e-6, 'Learning rate at the end, not scaled.', atLeastZero),
  warmup_epochs: number('training', 'Learning rate warm-up', 10,
    "Epochs of the learning rate's warm-up; a fraction is counted in steps.", { ...atLeastZero, unit: 'epochs' }),
  weight_decay: number('training', 'First weight decay', 0.04, 'Weight decay at the start.', atLeastZero),
  weight_decay_end: number('training', 'Last weight decay', 0.4, 'Weight decay at the end.', atLeastZero),
  clip_grad: number('training', 'Gradient clipping', 3, 'Longest gradient of one parameter; 0 does not clip.', atLeastZero),
  freeze_last_layer: number('training', 'Last layer rests for', 1,
    'Epochs during which the last layer rests; a fraction is counted in steps.', { ...atLeastZero, unit: 'epochs' }),
  optimizer: choice('training', 'Optimiser', ['adamw'], 'adamw',
    'Optimiser.',
    { original, refusedChoices: { sgd: 'SGD is not built yet: choose adamw', lars: 'LARS is not built yet: choose adamw' } }),
  use_fp16: flag('training', 'Half precision', false,
    "Half precision; the original's default is true.",
    { original, status: 'refused', reason: 'half precision is not built yet: leave it out, training runs in full precision' }),
  seed: integer('training', 'Seed', 0, 'Same seed, same run.', { original, minimum: 0, maximum: 4_294_967_295 }),

  global_crops_number: integer('crops', 'Global crops', 2,
    'Large crops per picture; the first two are compared in the log.', { original, minimum: 2, maximum: 16 }),
  global_crops_scale: numbers('crops', 'Global crop area', [0.14, 1],
    'Least and greatest share of the picture in a large crop.', { original, above: 0, maximum: 1, count: 2, unit: 'share' }),
  global_crops_size: integer('crops', 'Global crop size', 224,
    'Side of a large crop in pixels, a multiple of the patch.', { minimum: 2, maximum: LARGEST_CROP, unit: 'px' }),
  local_crops_number: integer('crops', 'Local crops', 0, 'Small crops per picture.', { original, minimum: 0, maximum: 64 }),
  local_crops_scale: numbers('crops', 'Local crop area', [0.05, 0.4],
    'Least and greatest share of the picture in a small crop.', { original, above: 0, maximum: 1, count: 2, unit: 'share' }),
  blur_radius: numbers('crops', 'Blur', [0.1, 2],
    "Least and greatest blur in pixels of the crop; the original's are for 224 pixels.",
    { above: 0, maximum: 2.4, count: 2, unit: 'px' }),
  local_crops_size: integer('crops', 'Local crop size', 96,
    'Side of a small crop in pixels, a multiple of the patch.', { minimum: 2, maximum: LARGEST_CROP, unit: 'px' }),

  data_path: text('run', 'Folder of pictures', '', 'Folder of pictures; on the command line the first argument.', { original }),
  output_dir: text('run', 'Folder of the run', '', 'Folder of the run; on the command line --out.', { original }),
  workers: integer('run', 'Decoding threads', 0,
    'Threads that decode pictures; 0 takes what the processor has to spare.', { minimum: 0, maximum: 256 }),
  checkpoint_minutes: number('run', 'Save every', 10,
    'Minutes between checkpoints; 0 for none by time.', { minimum: 0, unit: 'minutes' }),
  checkpoint_every: integer('run', 'Save also every', 0,
    'Epochs between checkpoints beside those by time; 0 for none.', { minimum: 0, unit: 'epochs' }),
  keep_checkpoints: integer('run', 'Checkpoints kept', 2, 'How many of the latest checkpoints are kept.', { minimum: 1 }),
  keep_every: integer('run', 'Keep for good every', 40,
    'Every so many epochs the checkpoint is kept for good; 0 for none.', { minimum: 0, unit: 'epochs' }),

  hold_out: number('evaluation', 'Held out', 0.1,
    'Share of pictures kept out of training, to measure on.', { minimum: 0, maximum: 0.9, unit: 'share' }),
  knn_every: integer('evaluation', 'Measure every', 1,
    'Epochs between measurements on the held-out pictures; 0 for none.', { minimum: 0, unit: 'epochs' }),
  evaluate_student: flag('evaluation', 'Measure the student too', false, 'Whether the student is measured beside the teacher.'),
};

const alias = (aliasOf: keyof typeof recipeOptions, details: Details = {}): OptionDescriptor => ({
  ...(recipeOptions[aliasOf] as OptionDescriptor),
  help: `Another name of ${aliasOf}.`,
  status: 'alias',
  aliasOf,
  original,
  ...details,
});

/** Other names of the options above, and options of the original that have no place here. */
const otherOptions: Record<string, OptionDescriptor> = {
  batch_size_per_gpu: alias('batch_size'),
  num_workers: alias('workers'),
  saveckp_freq: alias('keep_every'),
  window_size: integer('model', 'Window of Swin', 7,
    'Side of a window of Swin, in patches.',
    { original, status: 'refused', reason: 'it belongs to Swin, which is not built yet', unit: 'patches' }),
  load_from: text('run', 'Go on from', '',
    'Checkpoint to go on from.', { original, status: 'refused', reason: 'a run goes on with `ibot resume RUN`' }),
  dist_url: text('run', 'Meeting place of a cluster', 'env://',
    'Where the processes of a cluster meet.', { original, status: 'refused', reason: 'a run uses one device' }),
  local_rank: integer('run', 'Number of the process', 0,
    'Number of this process on its machine.', { original, status: 'refused', reason: 'a run uses one device' }),
};

/** Every name that may be given, in the order of the help. */
export const options: Readonly<Record<string, OptionDescriptor>> = { ...recipeOptions, ...otherOptions };

/** Names of the options that the original has too. */
export const originalOptions: readonly string[] = Object.keys(options).filter((name) => options[name]?.original);
