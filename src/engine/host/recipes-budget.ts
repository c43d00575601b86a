/** What a run will take of memory, time and disk, and its schedules, all before it begins. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Gpu } from '../gpu';
import {
  AUTO,
  flopsPerPicture,
  Network,
  networkConfigOf,
  resolveRecipe,
  setTo,
  trainingSchedules,
  type Recipe,
  type TooShort,
  type WayOut,
} from '../ibot';
import type { Budget, Draft, RecipeProblem, Schedules } from '../protocol';
import { checkpointBytes } from '../runs';
import type { DeviceAccess } from './host-context';
import { waysOutOf } from './recipes-draft';
import type { RecipeMemory } from './recipes-memory';

export interface BudgetSituation {
  gpu: Gpu;
  memory: Awaited<ReturnType<DeviceAccess['memory']>>;
  speed: Awaited<ReturnType<DeviceAccess['speed']>>;
  freeDiskBytes: number;
  trainingPictures: number;
  /** When the queue is through. */
  startsAt: number;
  layouts: RecipeMemory;
  /** What was set by hand. */
  given: Readonly<Record<string, unknown>>;
  signal: AbortSignal | undefined;
}

export interface Planned {
  budget: Budget | null;
  schedules: Schedules;
  problems: RecipeProblem[];
}

/** Of a step's line in metrics.jsonl and its scalars for TensorBoard, on average. */
const METRICS_BYTES = 1500;
const POINTS = 128;
/** The longest that `auto` takes unless it is told otherwise. */
const RECOMMENDED_HOURS = 10;

/** To a run that does not fit: each has to be laid out to know that it works. */
const MOST_WAYS_OUT = 2;

const decimal = (bytes: number): string => {
  if (bytes < 1e9) return `${Math.max(1, Math.round(bytes / 1e6)).toLocaleString('en')} MB`;
  return `${(bytes / 1e9).toFixed(1)} GB`;
};

export async function planBudget(
  recipe: Recipe,
  draft: Draft,
  situation: BudgetSituation,
  tooShort: TooShort | undefined,
): Promise<Planned> {
  const { gpu, memory, speed, trainingPictures, startsAt, layouts } = situation;
  const stepsPerEpoch = Math.max(1, Math.floor(trainingPictures / recipe.batch_size));
  const plan = trainingSchedules(recipe, stepsPerEpoch);
  const need = layouts.need(gpu, recipe);
  const disk = diskOf(recipe, trainingPictures, stepsPerEpoch, plan.steps, situation.freeDiskBytes);
  const problems = [
    ...(await memoryProblems(recipe, situation)),
    ...diskProblems(recipe, trainingPictures, situation.freeDiskBytes),
  ];
  const schedules = schedulesOf(plan);
  if (!need || plan.steps < 1) {
    if (plan.steps < 1) {
      const one = setTo('epochs', Math.ceil(1000 / stepsPerEpoch) / 1000);
      problems.push(problem(['epochs'], 'The run is too short for a single step.', [one]));
    }
    return { budget: null, schedules, problems };
  }
  const views = plan.steps * recipe.batch_size;
  const picturesPerSecond = speed.flopsPerSecond / flopsPerPicture(recipe);
  const seconds = views / picturesPerSecond;
  // A small set is gone through only so often, and a given length is kept: then it is not time that is missing.
  const hours = draft.hours ?? RECOMMENDED_HOURS;
  const lacksTime = seconds / 3600 > 0.7 * hours && tooShort?.timeLimits && tooShort.hours > hours ? tooShort : undefined;
  // What a preset leaves of the time, it leaves on purpose.
  const isChosen = draft.preset === AUTO && situation.given.epochs === undefined;
  const budget: Budget = {
    memory: {
      neededBytes: need.bytes,
      parts: need.parts,
      keptBytes: memory.keptBytes,
      thereBytes: memory.forRunsBytes,
      source: memory.source,
      fits: need.bytes <= memory.forRunsBytes,
      guessed: memory.guessed,
      accumulate: recipe.accumulate,
    },
    steps: plan.steps,
    stepsPerEpoch,
    epochs: recipe.epochs,
    views,
    seconds,
    picturesPerSecond,
    speedFrom: 'arithmetic',
    speedMeasuredAt: speed.measuredAt,
    startsAt,
    endsAt: startsAt + 1000 * seconds,
    epochsThatFill: draft.hours === null || isChosen ? null : epochsThatFill(recipe, (3600 * draft.hours) / seconds),
    disk,
    parameters: new Network(networkConfigOf(recipe)).student.count,
    tooShort: lacksTime ? { hours: Number(lacksTime.hours.toPrecision(2)), message: tooShortMessage(lacksTime.hours) } : null,
  };
  return { budget, schedules, problems };
}

const tooShortMessage = (hours: number): string => {
  const enough = Number(hours.toPrecision(2));
  const time = enough >= 1 ? `${enough} ${enough === 1 ? 'hour' : 'hours'}` : `${Math.max(1, Math.round(60 * hours))} minutes`;
  return `This is too little time to learn anything that lasts: give it ${time}.`;
};

/** Null where the run fills the time within a fiftieth. */
function epochsThatFill({ epochs }: Recipe, ratio: number): number | null {
  if (Math.abs(ratio - 1) < 0.02) return null;
  const filling = epochs * ratio;
  const rounded = filling >= 20 ? Math.floor(filling) : Math.floor(filling * 100) / 100;
  return rounded > 0 && rounded !== epochs ? rounded : null;
}

async function memoryProblems(recipe: Recipe, situation: BudgetSituation): Promise<RecipeProblem[]> {
  const { gpu, memory, layouts, signal } = situation;
  const there = memory.forRunsBytes;
  const need = layouts.need(gpu, recipe);
  // Where nobody told how much there is, nothing is refused because of it.
  if (need && (need.bytes <= there || memory.guessed)) return [];
  const fitted = await layouts.fit(gpu, recipe, there, signal);
  const what = need
    ? `This run takes ${decimal(need.bytes)} and does not fit into the ${decimal(there)} that training may use`
    : 'This run has tensors that are larger than the device allows';
  if (fitted) {
    const { accumulate } = fitted;
    const smaller = Math.floor(recipe.batch_size / accumulate) * recipe.accumulate;
    const parts = { label: `Compute each batch in ${accumulate} parts`, changes: { accumulate } };
    const waysOut = smaller >= 2 ? [parts, setTo('batch_size', smaller)] : [parts];
    return [problem(['accumulate', 'batch_size'], `${what}.`, waysOut)];
  }
  const smaller: readonly Partial<Recipe>[] = [
    ...(recipe.local_crops_number > 0 ? [{ local_crops_number: 0 }] : []),
    ...(recipe.arch === 'vit_large' ? [{ arch: 'vit_base' as const }] : []),
    ...(recipe.arch === 'vit_large' || recipe.arch === 'vit_base' ? [{ arch: 'vit_small' as const }] : []),
    ...(recipe.patch_size < 16 && recipe.global_crops_size % 16 === 0 ? [{ patch_size: 16 }] : []),
    { arch: 'vit_tiny' as const },
  ];
  const works: Partial<Recipe>[] = [];
  for (const change of smaller) {
    if (works.length === MOST_WAYS_OUT) break;
    await nextTurn();
    signal?.throwIfAborted();
    // One picture at a time: whether the batch has to be split is the next question.
    const { embed_dim, depth, num_heads, ...rest } = recipe;
    const size = change.arch ? {} : { embed_dim, depth, num_heads };
    try {
      if (layouts.fits(gpu, resolveRecipe({ ...rest, ...size, ...change, accumulate: recipe.batch_size }), there)) works.push(change);
    } catch {
      // Not every change goes together with the other options.
    }
  }
  const waysOut = works.map((change) => {
    const [name, value] = Object.entries(change)[0]!;
    const way = setTo(name, value as number | string);
    return change.arch ? { ...way, changes: { ...way.changes, embed_dim: null, depth: null, num_heads: null } } : way;
  });
  return [problem(['arch', 'global_crops_size', 'patch_size', 'out_dim'], `${what}, even one picture at a time.`, waysOut)];
}

const problem = (options: string[], message: string, waysOut: readonly WayOut[]): RecipeProblem => ({
  options,
  message,
  waysOut: waysOutOf(waysOut),
});

/** Checkpoints that are there at once: the latest, one that is being written, and those kept for good. */
function checkpointsOf({ keep_checkpoints, keep_every, epochs }: Recipe): { latest: number; forGood: number } {
  return { latest: keep_checkpoints + 1, forGood: keep_every > 0 ? Math.floor(epochs / keep_every) : 0 };
}

function diskOf(recipe: Recipe, pictures: number, stepsPerEpoch: number, steps: number, freeBytes: number): Budget['disk'] {
  const one = checkpointBytes(new Network(networkConfigOf(recipe)), Math.min(pictures, stepsPerEpoch * recipe.batch_size));
  const { latest, forGood } = checkpointsOf(recipe);
  const count = latest + forGood;
  const parts = [
    { label: `${count} checkpoints of ${decimal(one)}`, bytes: count * one },
    { label: 'Metrics', bytes: steps * METRICS_BYTES },
  ];
  const neededBytes = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  return { neededBytes, parts, freeBytes, fits: neededBytes * 1.05 <= freeBytes };
}

/** What the start would refuse: no room for the checkpoints that are there at once. */
function diskProblems(recipe: Recipe, pictures: number, freeBytes: number): RecipeProblem[] {
  const one = checkpointBytes(new Network(networkConfigOf(recipe)), pictures);
  const most = Math.floor(freeBytes / (1.05 * one));
  const { latest } = checkpointsOf(recipe);
  if (latest <= most) return [];
  const needed = decimal(one * latest);
  const message = `The disk has ${decimal(freeBytes)} left and the run needs ${needed} for its checkpoints: free some space.`;
  const waysOut = most >= 2 ? [setTo('keep_checkpoints', most - 1)] : [];
  return [problem(['keep_checkpoints'], message, waysOut)];
}

function schedulesOf(plan: ReturnType<typeof trainingSchedules>): Schedules {
  const last = Math.max(0, plan.steps - 1);
  const steps = Float32Array.from({ length: POINTS }, (_, i) => Math.round((last * i) / (POINTS - 1)));
  const course = (schedule: (step: number) => number): Float32Array => steps.map((step) => schedule(step));
  return {
    steps,
    learningRate: course(plan.learningRate),
    weightDecay: course(plan.weightDecay),
    momentum: course(plan.momentum),
    teacherTemperature: course(plan.teacherTemperature),
    teacherPatchTemperature: course(plan.teacherPatchTemperature),
  };
}
