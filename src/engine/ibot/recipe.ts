/**
 * From the options that somebody gives to the complete set that a run works with. What cannot work together is
 * refused here, in one sentence, before anything is computed.
 */
import { UserError } from '../errors';
import { options, recipeOptions, type OptionDescriptor } from './recipe-options';

export { options, originalOptions, type OptionDescriptor, type OptionGroup, type OptionType } from './recipe-options';

type ValueOf<Descriptor> = Descriptor extends OptionDescriptor<infer Value> ? Value : never;

/** Every option as resolved: nothing is missing, nothing follows from anything else. Saved as it is with a run. */
export type Recipe = {
  readonly [Name in keyof typeof recipeOptions]: NonNullable<ValueOf<(typeof recipeOptions)[Name]>>;
};

/** Width, depth, heads (timm's and the original's models of these names). */
const ARCHITECTURES: Record<Recipe['arch'], Pick<Recipe, 'embed_dim' | 'depth' | 'num_heads'>> = {
  vit_tiny: { embed_dim: 192, depth: 12, num_heads: 3 },
  vit_small: { embed_dim: 384, depth: 12, num_heads: 6 },
  vit_base: { embed_dim: 768, depth: 12, num_heads: 12 },
  vit_large: { embed_dim: 1024, depth: 24, num_heads: 16 },
};

/**
 * Completes and checks a set of options. Names are those of `options`, with - or _. Null and undefined leave an option
 * at its default. A `Recipe` resolves to itself. Throws UserError for unknown names, impossible values, and
 * combinations that cannot work.
 */
export function resolveRecipe(partial: Readonly<Record<string, unknown>>): Recipe {
  const given = readGiven(partial);
  const defaults = Object.fromEntries(Object.entries(recipeOptions).map(([name, option]) => [name, option.default]));
  const arch = (given.arch ?? defaults.arch) as Recipe['arch'];
  const recipe = { ...defaults, ...ARCHITECTURES[arch], ...given } as { -readonly [Name in keyof Recipe]: Recipe[Name] };
  if (recipe.pred_ratio_var.length === 1) {
    recipe.pred_ratio_var = recipe.pred_ratio.map(() => recipe.pred_ratio_var[0]!);
  }
  // A shared head has one last layer; where only the teacher's is shared, both sizes must agree and one may be given.
  if (recipe.shared_head || (recipe.shared_head_teacher && given.patch_out_dim === undefined)) {
    recipe.patch_out_dim = recipe.out_dim;
  }
  checkModel(recipe);
  checkHead(recipe);
  checkCrops(recipe);
  checkMasks(recipe);
  checkTraining(recipe);
  return Object.freeze(structuredClone(recipe));
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

/** The given values by canonical name, each checked on its own. */
function readGiven(partial: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  const calledBy = new Map<string, string>();
  for (const [called, value] of Object.entries(partial)) {
    if (value === undefined || value === null) {
      findOption(called);
      continue;
    }
    const { name, option } = findOption(called);
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
  }
  return given;
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

function checkModel({ embed_dim: width, num_heads: heads, mlp_ratio: ratio }: Recipe): void {
  if (width % heads !== 0) {
    throw new UserError(`embed_dim ${width} cannot be divided among num_heads ${heads}: choose a multiple.`);
  }
  const size = width / heads;
  if (size % 4 !== 0 || size > 128) {
    throw new UserError(`embed_dim / num_heads is ${size}, and must be a multiple of 4 up to 128: change one of them.`);
  }
  if (!Number.isInteger(width * ratio)) {
    throw new UserError(`mlp_ratio ${ratio} times embed_dim ${width} is no whole number: change one of them.`);
  }
}

function checkHead(recipe: Recipe): void {
  if (recipe.patch_out_dim !== recipe.out_dim && recipe.shared_head_teacher) {
    throw new UserError(
      `patch_out_dim ${recipe.patch_out_dim} must equal out_dim ${recipe.out_dim} while the teacher shares its head: ` +
        'make them equal, or set shared_head_teacher to false.',
    );
  }
  if (recipe.head_layers === 1 && recipe.head_bottleneck_dim === 0) {
    throw new UserError('A head of one layer needs a bottleneck: raise head_layers or head_bottleneck_dim.');
  }
}

function checkCrops(recipe: Recipe): void {
  const patch = recipe.patch_size;
  const check = (name: 'global_crops_size' | 'local_crops_size'): void => {
    const size = recipe[name];
    if (size % patch === 0) return;
    const below = Math.floor(size / patch) * patch;
    const near = below > 0 ? `${below} or ${below + patch}` : `${patch}`;
    throw new UserError(`${name} ${size} is not a multiple of patch_size ${patch}: take ${near}.`);
  };
  check('global_crops_size');
  if (recipe.local_crops_number > 0) check('local_crops_size');
}

function checkMasks({ pred_ratio: ratios, pred_ratio_var: variances }: Recipe): void {
  if (ratios.length !== variances.length) {
    throw new UserError(
      `pred_ratio has ${ratios.length} entries and pred_ratio_var ${variances.length}: ` +
        'give one variance for all or one per entry.',
    );
  }
  ratios.forEach((ratio, entry) => {
    const variance = variances[entry]!;
    // In f64 0.7 + 0.3 may come out above 1.
    if (variance > ratio || ratio + variance > 1 + 1e-12) {
      throw new UserError(`pred_ratio ${ratio} varied by ${variance} leaves the range 0 to 1: lower pred_ratio_var.`);
    }
  });
}

function checkTraining(recipe: Recipe): void {
  const { epochs, warmup_epochs: warmup, warmup_teacher_temp_epochs: ramp, pred_start_epoch: start } = recipe;
  if (warmup > epochs) {
    throw new UserError(`warmup_epochs ${warmup} is longer than the run of ${epochs} epochs: lower it, or train longer.`);
  }
  if (start + ramp > epochs) {
    const delay = start > 0 ? ` after pred_start_epoch ${start}` : '';
    throw new UserError(
      `warmup_teacher_temp_epochs ${ramp}${delay} is longer than the run of ${epochs} epochs: lower it, or train longer.`,
    );
  }
  if (recipe.batch_size % recipe.accumulate !== 0) {
    throw new UserError(
      `batch_size ${recipe.batch_size} cannot be computed in ${recipe.accumulate} equal parts: change accumulate.`,
    );
  }
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
