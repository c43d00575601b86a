/**
 * From the options that somebody gives to the complete set that a run works with. What cannot work together is
 * refused here, in one sentence, before anything is computed.
 */
import { UserError } from '../errors';
import { conflictsOf, RecipeError, titleOf, type RecipeConflict } from './recipe-conflicts';
import { options, recipeOptions, type OptionDescriptor } from './recipe-options';

export {
  optionGroups,
  options,
  originalOptions,
  type OptionDescriptor,
  type OptionGroup,
  type OptionType,
} from './recipe-options';

type ValueOf<Descriptor> = Descriptor extends OptionDescriptor<infer Value> ? Value : never;

/** Every option as resolved: nothing is missing, nothing follows from anything else. Saved as it is with a run. */
export type Recipe = {
  readonly [Name in keyof typeof recipeOptions]: NonNullable<ValueOf<(typeof recipeOptions)[Name]>>;
};

/** Width, depth, heads (timm's and the original's models of these names). */
export const architectures: Record<Recipe['arch'], Pick<Recipe, 'embed_dim' | 'depth' | 'num_heads'>> = {
  vit_tiny: { embed_dim: 192, depth: 12, num_heads: 3 },
  vit_small: { embed_dim: 384, depth: 12, num_heads: 6 },
  vit_base: { embed_dim: 768, depth: 12, num_heads: 12 },
  vit_large: { embed_dim: 1024, depth: 24, num_heads: 16 },
};

/** What a set of options comes to, with everything that is wrong with it. */
export interface ExaminedOptions {
  /** Undefined where there are conflicts. */
  recipe: Recipe | undefined;
  /** Every option; the given ones that cannot be are at their defaults. */
  values: Readonly<Record<string, unknown>>;
  /** What was given, by canonical name, as understood. */
  given: Readonly<Record<string, unknown>>;
  conflicts: readonly RecipeConflict[];
}

/** As `resolveRecipe`, but tells all conflicts in place of throwing. */
export function examineOptions(partial: Readonly<Record<string, unknown>>): ExaminedOptions {
  const { given, conflicts } = readOptions(partial);
  const defaults = Object.fromEntries(Object.entries(recipeOptions).map(([name, option]) => [name, option.default]));
  const arch = (given.arch ?? defaults.arch) as Recipe['arch'];
  const recipe = { ...defaults, ...architectures[arch], ...given } as { -readonly [Name in keyof Recipe]: Recipe[Name] };
  if (recipe.pred_ratio_var.length === 1) {
    recipe.pred_ratio_var = recipe.pred_ratio.map(() => recipe.pred_ratio_var[0]!);
  }
  // A shared head has one last layer; where only the teacher's is shared, both sizes must agree and one may be given.
  if (recipe.shared_head || (recipe.shared_head_teacher && given.patch_out_dim === undefined)) {
    recipe.patch_out_dim = recipe.out_dim;
  }
  const all = [...conflicts, ...conflictsOf(recipe)];
  const values = Object.freeze(structuredClone(recipe));
  return { recipe: all.length === 0 ? values : undefined, values, given, conflicts: all };
}

/**
 * Completes and checks a set of options. Names are those of `options`, with - or _. Null and undefined leave an option
 * at its default. A `Recipe` resolves to itself. Throws RecipeError for unknown names, impossible values, and
 * combinations that cannot work.
 */
export function resolveRecipe(partial: Readonly<Record<string, unknown>>): Recipe {
  const { recipe, conflicts, values } = examineOptions(partial);
  if (!recipe) throw new RecipeError(conflicts, values);
  return recipe;
}

/**
 * Lays sets of options over each other, such as preset, file and flags: what comes later wins, whichever of its names
 * an option was given by. Values are not checked yet.
 */
export function layerOptions(...layers: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown> {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const [called, value] of Object.entries(layer)) {
      const { name, option } = findOption(called);
      if (value !== undefined && value !== null) merged[option.aliasOf ?? name] = value;
    }
  }
  return merged;
}

/**
 * The given values by canonical name, each as it is understood; unknown names and impossible values are left out and told. What
 * cannot work together is not looked at.
 */
export function readOptions(partial: Readonly<Record<string, unknown>>): {
  given: Record<string, unknown>;
  conflicts: RecipeConflict[];
} {
  const given: Record<string, unknown> = {};
  const conflicts: RecipeConflict[] = [];
  const calledBy = new Map<string, string>();
  for (const [called, value] of Object.entries(partial)) {
    try {
      const { name, option } = findOption(called);
      if (value === undefined || value === null) continue;
      const checked = checkValue(name, option, value);
      if (option.status === 'refused' && checked !== option.default) {
        throw new UserError(`${name} ${JSON.stringify(checked)} is refused: ${option.reason}.`);
      }
      const canonical = option.aliasOf ?? name;
      if (!Object.hasOwn(recipeOptions, canonical)) continue;
      const other = calledBy.get(canonical);
      if (other !== undefined && JSON.stringify(given[canonical]) !== JSON.stringify(checked)) {
        throw new UserError(`${other} and ${name} are the same option and were given different values: give one of them.`);
      }
      calledBy.set(canonical, name);
      given[canonical] = checked;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const reason = error.message.replace(/\.$/, '');
      const label = Object.hasOwn(options, called) ? `Back to the default of ${titleOf(called)}` : `Leave out ${called}`;
      conflicts.push({ options: [called], reason, advice: '', waysOut: [{ label, changes: { [called]: null } }] });
    }
  }
  return { given, conflicts };
}

/** The option of a name written with - or _; an unknown one is a UserError with the nearest known name. */
export function findOption(called: string): { name: string; option: OptionDescriptor } {
  const name = called.replaceAll('-', '_');
  if (Object.hasOwn(options, name)) return { name, option: options[name]! };
  const [nearest] = Object.keys(options)
    .map((known) => ({ known, distance: editDistance(name, known) }))
    .sort((a, b) => a.distance - b.distance);
  const close = nearest !== undefined && nearest.distance <= Math.max(2, name.length / 4);
  const hint = close ? `; did you mean ${nearest.known}?` : ': see the help for all of them.';
  throw new UserError(`There is no option ${called}${hint}`);
}

/** Turns the words of a command line into an option's type; what does not fit is left for `resolveRecipe` to refuse. */
export function parseOptionWords(called: string, words: readonly string[]): unknown {
  const { option } = findOption(called);
  const number = (word: string): unknown => (word.trim() !== '' && Number.isFinite(Number(word)) ? Number(word) : word);
  const one = words.length === 1 ? words[0]! : words;
  if (typeof one !== 'string') return option.type === 'numbers' ? words.map(number) : words;
  switch (option.type) {
    case 'number':
    case 'integer':
      return number(one);
    case 'numbers':
      return one.split(/[\s,]+/).filter((word) => word !== '').map(number);
    case 'boolean':
      // The original's bool_flag.
      if (['true', '1', 'on'].includes(one.toLowerCase())) return true;
      return ['false', '0', 'off'].includes(one.toLowerCase()) ? false : one;
    default:
      return one;
  }
}

function checkValue(name: string, option: OptionDescriptor, value: unknown): unknown {
  const bad = (wanted: string): UserError => new UserError(`${name} must be ${wanted}, not ${JSON.stringify(value)}.`);
  switch (option.type) {
    case 'boolean':
      if (typeof value !== 'boolean') throw bad('true or false');
      return value;
    case 'text':
      if (typeof value !== 'string') throw bad('a text');
      return value;
    case 'choice':
      return checkChoice(name, option, value);
    case 'number':
    case 'integer':
      if (!isInRange(option, value)) throw bad(describeRange(option));
      return value;
    case 'numbers': {
      const list: unknown[] = Array.isArray(value) ? value : [value];
      const counted = option.count === undefined ? list.length > 0 : list.length === option.count;
      const wanted = `${option.count ?? 'one or more'} numbers, each ${describeRange(option)}`;
      if (!counted || !list.every((entry) => isInRange(option, entry))) throw bad(wanted);
      if (option.count === 2 && (list as number[])[0]! > (list as number[])[1]!) throw bad('two numbers, the smaller first');
      return list.slice();
    }
  }
}

function checkChoice(name: string, option: OptionDescriptor, value: unknown): unknown {
  const choices = option.choices ?? [];
  if (typeof value === 'string') {
    const reason = Object.entries(option.refusedChoices ?? {}).find(([choice]) => choice === value)?.[1];
    if (reason !== undefined) throw new UserError(`${name} ${value} is refused: ${reason}.`);
    const meant = Object.entries(option.choiceAliases ?? {}).find(([choice]) => choice === value)?.[1] ?? value;
    if (choices.includes(meant)) return meant;
  }
  throw new UserError(`${name} must be one of ${choices.join(', ')}, not ${JSON.stringify(value)}.`);
}

function isInRange(option: OptionDescriptor, value: unknown): value is number {
  return (
    typeof value === 'number' &&
    Number.isFinite(value) &&
    (option.type !== 'integer' || Number.isSafeInteger(value)) &&
    value >= (option.minimum ?? -Infinity) &&
    value <= (option.maximum ?? Infinity) &&
    value > (option.above ?? -Infinity) &&
    value < (option.below ?? Infinity)
  );
}

function describeRange({ type, minimum, maximum, above, below }: OptionDescriptor): string {
  const kind = type === 'integer' ? 'a whole number' : 'a number';
  const bounds = [
    minimum !== undefined && `at least ${minimum}`,
    above !== undefined && `above ${above}`,
    maximum !== undefined && `at most ${maximum}`,
    below !== undefined && `below ${below}`,
  ].filter((bound) => bound !== false);
  return bounds.length > 0 ? `${kind} ${bounds.join(' and ')}` : kind;
}

/** Levenshtein distance: how many letters to add, drop or change. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
