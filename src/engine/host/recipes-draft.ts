/** From what somebody asks for to the options of a run: where each value comes from, what cannot be, what is worth knowing. */
import { UserError } from '../errors';
import {
  AUTO,
  chooseAuto,
  examineOptions,
  NO_PRESET,
  options,
  presets,
  readOptions,
  RecipeError,
  type Recipe,
  type RecipeConflict,
  type TooShort,
  type WayOut,
} from '../ibot';
import type { Draft, OptionValue, RecipeProblem, Result } from '../protocol';
import { fitRecipe } from '../runs';
import { notesOf } from './recipes-notes';
import { presetNames } from './recipes-schema';

type Check = Result<'recipes.check'>;

/** Places belong to the library and the dataset, not to what is asked for. */
export const PLACES: readonly string[] = ['data_path', 'output_dir'];

export interface DraftSituation {
  trainingPictures: number;
  heldOutPictures: number;
  /** Median of the shorter side of the pictures, in pixels. */
  side: number;
  flopsPerSecond: number;
  /** Threads that read pictures, as the settings have them; 0: automatic. */
  workers: number;
  /** The recipe with its batch in as many parts as fit the device; undefined: even single pictures do not. */
  fit(recipe: Recipe): Promise<Recipe | undefined>;
}

export interface PlannedDraft {
  /** Complete, the batch no larger than the set; undefined while there are problems. */
  recipe: Recipe | undefined;
  values: Check['values'];
  problems: RecipeProblem[];
  notes: Check['notes'];
  reasons: string[];
  tooShort: TooShort | undefined;
  /** What was set by hand and is understood, without places. */
  given: Readonly<Record<string, unknown>>;
}

/** @throws UserError for an unknown preset and for a set without training pictures */
export async function planDraft(draft: Draft, situation: DraftSituation): Promise<PlannedDraft> {
  if (!presetNames.includes(draft.preset)) {
    throw new UserError(`There is no preset ${draft.preset}: choose one of ${presetNames.join(', ')}.`);
  }
  const { given, conflicts } = readOptions(draft.options);
  for (const place of PLACES) delete given[place];
  const chosen = choose(draft, given, situation);
  const usual = { workers: situation.workers };
  const examined = examineOptions({ ...usual, ...chosen.options, ...given });
  // What is refused has no value that could be in conflict with others.
  const refused = new Set(conflicts.map(({ options: [about] }) => about));
  const others = (chosen.conflicts ?? examined.conflicts).filter(({ options: [about] }) => !refused.has(about));
  const problems = [...conflicts, ...others].map(problemOf);
  const planned: PlannedDraft = {
    recipe: undefined,
    values: valuesOf(chosen.values ?? examined.values, { given, preset: chosen.options, usual }),
    problems: [...problems, ...(chosen.problem ? [chosen.problem] : [])],
    notes: [],
    reasons: chosen.reasons,
    tooShort: chosen.tooShort,
    given,
  };
  if (planned.problems.length > 0 || !examined.recipe) return planned;
  const { recipe, change } = fitRecipe(examined.recipe, situation.trainingPictures);
  // As the command line does, a preset that fits itself to the device splits the batch by itself; nobody else's is touched.
  const isFree = draft.preset === AUTO && given.accumulate === undefined;
  const parts = isFree ? (await situation.fit(recipe))?.accumulate : undefined;
  const fitted = parts === undefined || parts === recipe.accumulate ? recipe : { ...recipe, accumulate: parts };
  const base: Record<string, unknown> = fitted === recipe ? chosen.options : { ...chosen.options, accumulate: parts };
  return {
    ...planned,
    recipe: Object.freeze(fitted),
    values: valuesOf(fitted, { given, preset: base, usual }),
    notes: [...(change ? [{ options: ['batch_size'], message: change }] : []), ...notesOf(fitted, given, situation)],
  };
}

interface Choice {
  options: Record<string, unknown>;
  reasons: string[];
  tooShort?: TooShort;
  /** In place of those of the options. */
  conflicts?: readonly RecipeConflict[];
  values?: Readonly<Record<string, unknown>>;
  problem?: RecipeProblem;
}

function choose(draft: Draft, given: Readonly<Record<string, unknown>>, situation: DraftSituation): Choice {
  if (draft.preset === NO_PRESET) return { options: {}, reasons: [] };
  const preset = presets[draft.preset];
  if (preset) return { options: { ...preset.recipe }, reasons: [preset.help] };
  try {
    const { options: chosen, reasons, tooShort } = chooseAuto({
      pictures: situation.trainingPictures,
      side: situation.side,
      flopsPerSecond: situation.flopsPerSecond,
      given,
      ...(draft.hours === null ? {} : { hours: draft.hours }),
    });
    return { options: chosen, reasons, ...(tooShort ? { tooShort } : {}) };
  } catch (error) {
    if (error instanceof RecipeError) return { options: {}, reasons: [], conflicts: error.conflicts, values: error.values };
    if (!(error instanceof UserError)) throw error;
    const about = Object.hasOwn(given, 'epochs') ? ['epochs'] : [];
    const waysOut = about.map(() => ({ label: 'Let the preset choose the epochs', changes: { epochs: null } }));
    return { options: {}, reasons: [], conflicts: [], problem: { options: about, message: error.message, waysOut } };
  }
}

/** As the contract has them: lists are copies. */
export const waysOutOf = (ways: readonly WayOut[]): RecipeProblem['waysOut'] =>
  ways.map(({ label, changes }) => ({
    label,
    changes: Object.fromEntries(
      Object.entries(changes).map(([name, value]) => [name, typeof value === 'object' && value !== null ? [...value] : value]),
    ),
  }));

const problemOf = ({ options: about, reason, waysOut }: RecipeConflict): RecipeProblem => ({
  options: [...about],
  message: /[.!?]$/.test(reason) ? reason : `${reason}.`,
  waysOut: waysOutOf(waysOut),
});

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
/** One number for all entries of a list is given once. */
const isGiven = (value: unknown, given: unknown): boolean =>
  same(value, given) ||
  (Array.isArray(value) && Array.isArray(given) && given.length === 1 && value.every((each) => each === given[0]));

function valuesOf(
  values: Readonly<Record<string, unknown>>,
  { given, preset, usual }: Readonly<Record<'given' | 'preset' | 'usual', Readonly<Record<string, unknown>>>>,
): Check['values'] {
  const told: Check['values'] = {};
  for (const [name, value] of Object.entries(values)) {
    if (PLACES.includes(name) || value === null) continue;
    const from = (): Check['values'][string]['origin'] => {
      if (Object.hasOwn(given, name)) return isGiven(value, given[name]) ? 'given' : 'derived';
      if (Object.hasOwn(preset, name)) return isGiven(value, preset[name]) ? 'preset' : 'derived';
      return same(value, usual[name] ?? options[name]?.default) ? 'default' : 'derived';
    };
    told[name] = { value: value as OptionValue, origin: from() };
  }
  return told;
}
