/** Making a run: the options as a form shows them, what they come to, and what student and teacher will see. */
import { z } from 'zod';
import {
  bytes,
  count,
  datasetId,
  float32Array,
  histogram,
  image,
  nothing,
  optionValue,
  optionValues,
  patchMap,
  pictureId,
  runName,
  seconds,
  share,
  text,
  textFile,
  time,
} from './values';

/** One option, as `OptionDescriptor` in ibot/recipe-options.ts has it, and what a form needs beside it. */
export const option = z.object({
  name: z.string(),
  /** For people: "Local crops". */
  title: z.string(),
  /** Place in `groups`. */
  group: z.string(),
  /** The meaning, in one sentence. */
  help: z.string(),
  type: z.enum(['number', 'integer', 'boolean', 'choice', 'numbers', 'text']),
  /** Null: follows from other options; `recipes.check` says what it is. */
  default: optionValue.nullable(),
  /** "px", "epochs", "minutes"; 'share' is shown in percent; null: a bare number. */
  unit: z.string().nullable(),
  /** The original's name with its dashes ("--out_dim"); null: the original has no such option. */
  original: z.string().nullable(),
  /** refused: any value but the default is turned down with `reason`; alias: another name of `aliasOf`. */
  status: z.enum(['honoured', 'alias', 'refused']),
  reason: z.string().nullable(),
  aliasOf: z.string().nullable(),
  choices: z.array(z.object({ value: z.string(), /** Why it cannot be chosen; null: it can. */ refused: z.string().nullable() })),
  /** Bounds that are allowed themselves, and bounds that are not. */
  minimum: z.number().nullable(),
  maximum: z.number().nullable(),
  above: z.number().nullable(),
  below: z.number().nullable(),
  /** How many numbers a list must have (two are a range, the smaller first); null: any. */
  count: count.nullable(),
});
export type Option = z.infer<typeof option>;

/** What somebody asks for, complete enough for a check, a preview and a start. */
export const draft = z.strictObject({
  dataset: datasetId,
  /** A name of `recipes.schema`'s presets. */
  preset: text(64),
  /** Time there is; null: as much as recommended. Only presets with `takesTime` look at it. */
  hours: z.number().positive().max(100_000).nullable(),
  /** What was set by hand, over the preset. Aliases are understood. */
  options: optionValues,
});
export type Draft = z.infer<typeof draft>;

/** Options to change, and to what; null: back to what follows. */
const changes = z.record(z.string(), optionValue.nullable());

export const recipeProblem = z.object({
  /** The options it is about; the first is where it is shown. */
  options: z.array(z.string()),
  /** What is impossible and why, one sentence. */
  message: z.string(),
  /** Ways out, best first: "Set patch output to 1,024". */
  waysOut: z.array(z.object({ label: z.string(), changes })),
});
export type RecipeProblem = z.infer<typeof recipeProblem>;

const part = z.object({ label: z.string(), bytes: bytes });

/** What the run will take, all before it begins. */
export const budget = z.object({
  memory: z.object({
    neededBytes: bytes,
    /** "Activations, batch of 128", "Head and loss, in chunks", "Weights, teacher, optimiser"; sum to `neededBytes`. */
    parts: z.array(part),
    /** Kept for the screen and for looking: not part of what is there. */
    keptBytes: bytes,
    thereBytes: bytes,
    source: z.string(),
    fits: z.boolean(),
    /** Nobody told how much there is, so nothing is refused. */
    guessed: z.boolean(),
    /** In how many parts a batch will be computed so that it fits (`accumulate`). */
    accumulate: count,
  }),
  steps: count,
  stepsPerEpoch: count,
  epochs: z.number(),
  /** Looks at pictures. */
  views: count,
  seconds: seconds,
  picturesPerSecond: z.number().positive(),
  /** measured: on this device with these shapes · like: from another run's · arithmetic: from the device's speed. */
  speedFrom: z.enum(['measured', 'like', 'arithmetic']),
  speedMeasuredAt: time.nullable(),
  /** After what is in the queue. */
  startsAt: time,
  endsAt: time,
  /** Epochs that would fill the time there is, where that differs; null otherwise. */
  epochsThatFill: z.number().nullable(),
  disk: z.object({ neededBytes: bytes, parts: z.array(part), freeBytes: bytes, fits: z.boolean() }),
  /** Of the student. */
  parameters: count,
  /** The run is too short to learn anything: what would do. */
  tooShort: z.object({ hours: z.number().positive(), message: z.string() }).nullable(),
});
export type Budget = z.infer<typeof budget>;

/** Planned courses, values at `points` equal steps from the first step to the last. */
export const schedules = z.object({
  /** Step of each point. */
  steps: float32Array(),
  learningRate: float32Array(),
  weightDecay: float32Array(),
  momentum: float32Array(),
  teacherTemperature: float32Array(),
  teacherPatchTemperature: float32Array(),
});
export type Schedules = z.infer<typeof schedules>;

/** Where a value comes from. */
export const origin = z.enum(['given', 'preset', 'derived', 'default']);

const box = z.object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() });

const crop = z.object({
  kind: z.enum(['global', 'local']),
  /** Place in the picture, in shares of its width and height. */
  box: box,
  /** Share of the picture's area. */
  area: share,
  mirrored: z.boolean(),
  grey: z.boolean(),
  solarised: z.boolean(),
  /** Standard deviation in pixels of the crop; null: not blurred. */
  blur: z.number().nullable(),
  /** Factors (1: as it was) and the turn of the hue in degrees; null: colours left. */
  colour: z.object({ brightness: z.number(), contrast: z.number(), saturation: z.number(), hue: z.number() }).nullable(),
  /** As the networks see it, before colours are shifted by mean and deviation. */
  image: image,
  /** 1: hidden from the student. Null for local crops, and where nothing is masked. */
  mask: patchMap.nullable(),
  masked: count,
});
export type PreviewCrop = z.infer<typeof crop>;

export const recipeMethods = {
  /** The options in the order of the form, with presets and model sizes. The same for the life of the engine. Fails never. */
  'recipes.schema': {
    params: nothing,
    result: z.object({
      groups: z.array(z.object({ name: z.string(), title: z.string() })),
      options: z.array(option),
      presets: z.array(
        z.object({
          name: z.string(),
          title: z.string(),
          help: z.string(),
          /** It chooses by the time there is. */
          takesTime: z.boolean(),
        }),
      ),
      /** The first one of a new run. */
      defaultPreset: z.string(),
      models: z.array(
        z.object({
          /** "ViT-S/16". */
          title: z.string(),
          parameters: count,
          /** What choosing it sets. */
          options: optionValues,
        }),
      ),
    }),
  },
  /**
   * What a draft comes to, under 300 ms; ask again at each change and forget (cancel) the question before. Impossible
   * combinations are no error: they come as `problems`, then `recipe`, `budget` and `schedules` are null where they cannot be
   * told. Errors: not-found (the dataset), user (the dataset is not indexed yet, has no pictures).
   */
  'recipes.check': {
    params: draft,
    result: z.object({
      /** Every option as resolved; null while there are problems. */
      recipe: optionValues.nullable(),
      /** By option: where its value comes from. Also while there are problems, as far as it can be told. */
      values: z.record(z.string(), z.object({ value: optionValue, origin: origin })),
      problems: z.array(recipeProblem),
      /** What is worth knowing and forbids nothing, one sentence each ("pred_ratio is 0, so nothing is masked"). */
      notes: z.array(z.object({ options: z.array(z.string()), message: z.string() })),
      /** Why a preset that takes time chose what it chose, in plain sentences. */
      reasons: z.array(z.string()),
      /** "ViT-S/16". */
      model: z.string().nullable(),
      trainingPictures: count,
      heldOutPictures: count,
      budget: budget.nullable(),
      /** 128 points. */
      schedules: schedules.nullable(),
      /** A free name for the run. */
      suggestedName: z.string(),
    }),
  },
  /**
   * The command that makes the same run at a terminal (pictures, classes, split, options), in one line, quoted for a POSIX shell:
   * `ibot train …`, with what has to stand before it here. Writes what it needs of the dataset into the library. `name`: of the
   * run; without, a free one. Errors: not-found (the dataset), user (problems, the name is taken).
   */
  'recipes.command': {
    params: z.strictObject({ draft: draft, name: runName.optional() }),
    result: z.object({ command: z.string() }),
  },
  /**
   * What student and teacher will see of some pictures, drawn as training draws (same seed and draw, same crops): under 1 s for
   * one picture. `places`: of the training pictures, counted from 0 in an order of its own that begins with different classes.
   * `draw`: another number, another draw. `recipe`: from `recipes.check`. Errors: not-found, user (no picture can be read).
   */
  'recipes.preview': {
    params: z.strictObject({
      dataset: datasetId,
      recipe: optionValues,
      places: z.array(count).min(1).max(8),
      draw: count,
      /** Longer side of `picture`, in pixels. */
      size: z.number().int().min(32).max(1024),
    }),
    result: z.object({
      total: count,
      pictures: z.array(
        z.object({
          place: count,
          picture: pictureId,
          path: z.string(),
          image: image,
          /** Global ones first, in the order of training. */
          crops: z.array(crop),
          /** Of a patch, in pixels of the crop. */
          patchSize: count,
        }),
      ),
    }),
  },
  /** How masks and crop areas spread over 1,000 draws: shares 0 … 1, 40 steps. `recipe`: from `recipes.check`. Errors: user. */
  'recipes.draws': {
    params: z.strictObject({ recipe: optionValues }),
    result: z.object({
      masked: histogram,
      meanMasked: share,
      globalArea: histogram,
      /** Null without local crops. */
      localArea: histogram.nullable(),
    }),
  },
  /**
   * Options of a file (JSON: an object of names, or a run's `run.json`): what of it is understood. Names it does not know and
   * values that cannot be are told in `refused`, one sentence each. Errors: user (not JSON, not an object).
   */
  'recipes.read': {
    params: z.strictObject({ text: text(1_000_000) }),
    result: z.object({ options: optionValues, refused: z.array(z.string()) }),
  },
  /** The draft as a JSON file that `--config` and `recipes.read` take: resolved options. Errors: user (problems). */
  'recipes.write': { params: draft, result: textFile },
  /**
   * A draft that makes the same run again: options as they were resolved, preset `none`. `dataset: null`: the one it was trained
   * on is not in the library; another has to be chosen. Errors: not-found.
   */
  'recipes.fromRun': {
    params: z.strictObject({ run: runName }),
    result: z.object({
      dataset: datasetId.nullable(),
      preset: z.string(),
      hours: z.number().nullable(),
      options: optionValues,
      /** Names of options that are other than the defaults. */
      changed: z.array(z.string()),
    }),
  },
};
