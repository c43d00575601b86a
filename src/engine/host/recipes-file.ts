/** Options as text: JSON that is read and written, the command that does the same, a name for the run. */
import { UserError } from '../errors';
import { examineOptions, modelTitle, NO_PRESET, readOptions, resolveRecipe, type Recipe } from '../ibot';
import { launcherAnywhere, shellWord } from '../launcher';
import type { OptionValues, Result } from '../protocol';
import { optionValue } from '../protocol/values';
import { PLACES } from './recipes-draft';

/** Sentences about what was not understood; of a file that is something else altogether, the first are enough. */
const MOST_REFUSED = 20;

/** What of a file is understood. @throws UserError when it is no JSON object */
export function readOptionsFile(text: string): Result<'recipes.read'> {
  let parsed: unknown;
  try {
    // Editors on Windows begin a file with a mark.
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw new UserError('This is not JSON: choose a file of options, or the run.json of a run.');
  }
  const object = objectOf(parsed);
  if (!object) throw new UserError('This file holds no options: a JSON object is expected, such as {"epochs": 100}.');
  // A run's record has its options inside.
  const record = typeof object.format === 'string' ? objectOf(object.recipe) : undefined;
  if (typeof object.format === 'string' && !record) throw new UserError('This file is of another kind: it holds no options.');
  const entries = Object.entries(record ?? object);
  const possible: [string, unknown][] = [];
  const refused: string[] = [];
  for (const [name, value] of entries) {
    if (value === null) continue;
    if (optionValue.safeParse(value).success) possible.push([name, value]);
    else refused.push(`${short(name)} has a value that no option takes.`);
  }
  // `fromEntries` defines names such as __proto__ as what they are: names.
  const { given, conflicts } = readOptions(Object.fromEntries(possible));
  for (const place of PLACES) delete given[place];
  refused.push(...conflicts.map(({ reason }) => `${short(reason)}${/[.!?]$/.test(reason) ? '' : '.'}`));
  const more = refused.length - MOST_REFUSED;
  if (more > 0) refused.splice(MOST_REFUSED, more, `${more.toLocaleString('en')} more are not understood.`);
  return { options: (record ? setByHand(given) : given) as OptionValues, refused };
}

const objectOf = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

const short = (text: string): string => {
  const plain = text.replace(/\p{C}+/gu, ' ');
  return plain.length > 200 ? `${plain.slice(0, 200)} …` : plain;
};

/** Resolved options without places, as `--config` and `recipes.read` take them. */
export function writeOptionsFile(recipe: Recipe, name: string): Result<'recipes.write'> {
  const values = Object.fromEntries(Object.entries(recipe).filter(([option]) => !PLACES.includes(option)));
  return { fileName: `${name}.json`, text: `${JSON.stringify(values, null, 2)}\n` };
}

/**
 * The fewest of these options that come to the same: those left out follow from the others or are the defaults. What somebody
 * would have had to set by hand.
 */
export function setByHand(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.fromEntries(Object.entries(given).filter(([name]) => !PLACES.includes(name)));
  const result = (): string => JSON.stringify(examineOptions(kept).recipe ?? null);
  const wanted = result();
  if (wanted === 'null') return kept;
  for (const [name, value] of Object.entries(kept)) {
    delete kept[name];
    if (result() !== wanted) kept[name] = value;
  }
  return kept;
}

/** Options that are other than they would be if nothing had been said. */
export function changedOptions(recipe: Recipe): string[] {
  const bare = resolveRecipe({});
  return Object.entries(recipe)
    .filter(([name, value]) => !PLACES.includes(name) && JSON.stringify(value) !== JSON.stringify(bare[name as keyof Recipe]))
    .map(([name]) => name);
}

export interface CommandPlaces {
  pictures: string;
  out: string;
  /** File with the dataset's classes and split. */
  labels: string;
  allowBad: boolean;
  /** Where it is not the best one. */
  device: string | undefined;
}

/** `ibot train …` with the same options, in one line, for a POSIX shell. Nothing of it is measured or drawn anew. */
export function trainCommand(recipe: Recipe, { pictures, out, labels, allowBad, device }: CommandPlaces): string {
  const words = [...launcherAnywhere(), 'train', pictures, '--out', out, '--labels', labels, '--preset', NO_PRESET];
  for (const [name, value] of Object.entries(setByHand(recipe))) words.push(`--${name}`, ...[value].flat().map(String));
  if (device !== undefined) words.push('--device', device);
  if (allowBad) words.push('--allow-bad');
  return [...words, '--panels'].map(shellWord).join(' ');
}

/** "field-guide-s16-03": dataset, model, the first number that is free. */
export async function suggestName(
  dataset: string,
  recipe: Recipe | undefined,
  isTaken: (name: string) => Promise<boolean>,
): Promise<string> {
  const words = dataset.normalize('NFC').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '');
  const base = [...(words || 'run')].slice(0, 40).join('').replace(/-+$/, '');
  const model = recipe ? modelTitle(recipe).replace(/^ViT[- ]/, '').replace('/', '-').replace('×', 'x') : undefined;
  const known = model?.replace(/^([A-Z][a-z]?)-/, '$1').toLowerCase();
  const stem = known ? `${base}-${known}` : base;
  for (let number = 1; ; number++) {
    const name = `${stem}-${String(number).padStart(2, '0')}`;
    if (!(await isTaken(name))) return name;
  }
}

