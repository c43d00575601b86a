/** Making a run: the form, what a draft comes to, what will be seen, options as files. */
import { join } from 'node:path';
import { medianShortSide, writeLabelsFile, type Manifest } from '../data';
import { UserError } from '../errors';
import type { Gpu } from '../gpu';
import { modelTitle, resolveRecipe, type Recipe, type TooShort } from '../ibot';
import { labelsFile } from '../jobs';
import type { Budget, Draft, OptionValues, Params, Result } from '../protocol';
import { freeBytes, readRunFolder } from '../runs';
import type { Area, DeviceAccess, HostContext } from './host-context';
import { planBudget } from './recipes-budget';
import { PLACES, planDraft, type PlannedDraft } from './recipes-draft';
import { changedOptions, readOptionsFile, setByHand, suggestName, trainCommand, writeOptionsFile } from './recipes-file';
import { RecipeMemory } from './recipes-memory';
import { PreviewOrder, previewCrops, spreadOfDraws } from './recipes-preview';
import { recipeSchema } from './recipes-schema';

type Check = Result<'recipes.check'>;

interface Looked {
  training: number;
  heldOut: number;
  side: number;
}

/** All that a draft is planned with. */
interface Situation {
  gpu: Gpu;
  name: string;
  revision: number;
  manifest: Manifest;
  allowBad: boolean;
  looked: Looked;
  memory: Awaited<ReturnType<DeviceAccess['memory']>>;
  speed: Awaited<ReturnType<DeviceAccess['speed']>>;
}

/** The area of recipes. */
export function recipesArea(context: HostContext): Area {
  const planner = new Planner(context);
  const order = new PreviewOrder();
  context.recipes = { resolve: (draft) => planner.resolve(draft) };
  return {
    handlers: {
      'recipes.schema': () => recipeSchema(),
      'recipes.check': (draft, { signal }) => planner.check(draft, signal),
      'recipes.command': (params) => planner.command(params),
      'recipes.preview': async ({ dataset, recipe, ...wanted }, { signal }) => {
        const resolved = resolveRecipe(recipe);
        const { manifest } = await context.datasets.pictures(dataset);
        return previewCrops(resolved, wanted, {
          manifest,
          order: order.of(manifest),
          find: (paths) => context.datasets.find(dataset, paths),
          signal,
        });
      },
      'recipes.draws': ({ recipe }) => spreadOfDraws(resolveRecipe(recipe)),
      'recipes.read': ({ text }) => readOptionsFile(text),
      'recipes.write': (draft) => planner.write(draft),
      'recipes.fromRun': ({ run }) => fromRun(context, run),
    },
  };
}

async function fromRun(context: HostContext, run: string): Promise<Result<'recipes.fromRun'>> {
  const { recipe } = await readRunFolder(context.runs.folderOf(run));
  return {
    dataset: context.runs.madeFrom(run) ?? null,
    preset: 'none',
    hours: null,
    options: setByHand(recipe) as OptionValues,
    changed: changedOptions(recipe),
  };
}

class Planner {
  private readonly layouts = new RecipeMemory();
  /** Median sides by folder and number of pictures: dozens of files are opened for one. */
  private readonly sides = new Map<string, Promise<number>>();

  constructor(private readonly context: HostContext) {}

  async check(draft: Draft, signal: AbortSignal): Promise<Check> {
    const situation = await this.situation(draft);
    signal.throwIfAborted();
    return (await this.checked(draft, situation, signal)).check;
  }

  private async checked(
    draft: Draft,
    situation: Situation,
    signal?: AbortSignal,
  ): Promise<{ check: Check; recipe: Recipe | undefined }> {
    const planned = await this.plan(draft, situation, signal);
    const { recipe, given, values, notes, reasons, tooShort } = planned;
    const { looked, name, gpu, memory, speed } = situation;
    const suggestedName = await suggestName(name, recipe, (wanted) => this.context.runs.isTaken(wanted));
    const taken =
      recipe &&
      (await planBudget(
        recipe,
        draft,
        {
          ...{ gpu, memory, speed, layouts: this.layouts, trainingPictures: looked.training },
          freeDiskBytes: await freeBytes(this.context.library.runs),
          ...{ given, signal },
          startsAt: Math.max(Date.now(), this.context.runs.endsAt() ?? 0),
        },
        tooShort,
      ));
    const problems = [...planned.problems, ...(taken?.problems ?? [])];
    const possible = problems.length === 0 ? recipe : undefined;
    const extra = possible && taken?.budget ? notesOn(taken.budget, tooShort) : [];
    const check: Check = {
      recipe: possible ? optionsOf(possible) : null,
      values,
      problems,
      notes: [...notes, ...extra],
      reasons,
      model: modelOf(values),
      trainingPictures: looked.training,
      heldOutPictures: looked.heldOut,
      budget: taken?.budget ?? null,
      schedules: taken?.schedules ?? null,
      suggestedName,
    };
    return { check, recipe: possible };
  }

  /** @throws HostError not-found; UserError with the first problem */
  async resolve(draft: Draft): Promise<Recipe> {
    const situation = await this.situation(draft);
    const recipe = await this.possible(draft, situation);
    return resolveRecipe({ ...recipe, data_path: situation.manifest.root });
  }

  async write(draft: Draft): Promise<Result<'recipes.write'>> {
    const situation = await this.situation(draft);
    const recipe = await this.possible(draft, situation);
    const name = await suggestName(situation.name, recipe, (wanted) => this.context.runs.isTaken(wanted));
    return writeOptionsFile(recipe, name);
  }

  async command({ draft, name: wanted }: Params<'recipes.command'>): Promise<Result<'recipes.command'>> {
    const { library, runs, settings, device } = this.context;
    const situation = await this.situation(draft);
    const recipe = await this.possible(draft, situation);
    if (wanted !== undefined && (await runs.isTaken(wanted))) {
      throw new UserError(`There is a run named ${wanted} already: choose another name.`);
    }
    const name = wanted ?? (await suggestName(situation.name, recipe, (each) => runs.isTaken(each)));
    const { manifest, revision, allowBad } = situation;
    const labels = labelsFile(library, draft.dataset, revision);
    await writeLabelsFile(labels, manifest);
    const chosen = device.current?.adapter.name;
    return {
      command: trainCommand(recipe, {
        ...{ pictures: manifest.root, out: join(library.runs, name), labels, allowBad },
        device: chosen === settings.current.device ? chosen : undefined,
      }),
    };
  }

  private async possible(draft: Draft, situation: Situation): Promise<Recipe> {
    const { check, recipe } = await this.checked(draft, situation);
    if (!recipe) throw new UserError(check.problems[0]!.message);
    return recipe;
  }

  private plan(draft: Draft, { gpu, looked, memory, speed }: Situation, signal?: AbortSignal): Promise<PlannedDraft> {
    return planDraft(draft, {
      trainingPictures: looked.training,
      heldOutPictures: looked.heldOut,
      side: looked.side,
      flopsPerSecond: speed.flopsPerSecond,
      workers: this.context.settings.current.workers,
      fit: (recipe) => this.layouts.fit(gpu, recipe, memory.forRunsBytes, signal),
    });
  }

  private async situation(draft: Draft): Promise<Situation> {
    const { name, revision, manifest, allowBad } = await this.context.datasets.pictures(draft.dataset);
    const [looked, gpu, speed, memory] = await Promise.all([
      this.look(manifest),
      this.context.device.open(),
      this.context.device.speed(),
      this.context.device.memory(),
    ]);
    return { gpu, name, revision, manifest, allowBad, looked, memory, speed };
  }

  /** Counts, and the size of a sample of the pictures. */
  private async look(manifest: Manifest): Promise<Looked> {
    const { root, pictures } = manifest;
    const training = pictures.reduce((sum, { split }) => sum + (split === 'train' ? 1 : 0), 0);
    const key = `${pictures.length} ${root}`;
    let side = this.sides.get(key);
    if (!side) {
      side = medianShortSide(manifest);
      this.sides.set(key, side);
      side.catch(() => this.sides.delete(key));
    }
    return { training, heldOut: pictures.length - training, side: await side };
  }
}

const FULL =
  'The disk will be full before the run ends, by the checkpoints that are kept for good: free some space, or keep fewer.';

function notesOn({ disk, views, tooShort: told }: Budget, tooShort: TooShort | undefined): Check['notes'] {
  const looks = `${views.toLocaleString('en')} looks at pictures in all`;
  const few = `${looks} are too few to learn anything that lasts: set more epochs, or add pictures.`;
  return [
    ...(disk.fits ? [] : [{ options: ['keep_every'], message: FULL }]),
    ...(tooShort && !told ? [{ options: ['epochs'], message: few }] : []),
  ];
}

const optionsOf = (recipe: Recipe): OptionValues =>
  Object.fromEntries(Object.entries(recipe).filter(([name]) => !PLACES.includes(name))) as OptionValues;

function modelOf(values: Check['values']): string | null {
  const number = (name: string): number => Number(values[name]?.value);
  const shape = {
    ...{ embed_dim: number('embed_dim'), depth: number('depth') },
    ...{ num_heads: number('num_heads'), patch_size: number('patch_size') },
  };
  return Object.values(shape).every((value) => Number.isFinite(value)) ? modelTitle(shape) : null;
}
