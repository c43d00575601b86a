/** The form of a new run, made from the one list of options: nothing is said here that stands there. */
import {
  architectures,
  AUTO,
  modelTitle,
  networkConfigOf,
  NO_PRESET,
  optionGroups,
  options,
  presets,
  resolveRecipe,
  teacherBackbone,
  type OptionDescriptor,
  type Recipe,
} from '../ibot';
import { ParameterSet, vitParameters } from '../nn';
import type { Option, OptionValue, Result } from '../protocol';

type Schema = Result<'recipes.schema'>;

const PRESETS: Schema['presets'] = [
  {
    name: AUTO,
    title: 'Fitted',
    help: 'Chosen from your pictures, what the device can compute, and the time you have.',
    takesTime: true,
  },
  ...Object.entries(presets).map(([name, { title, help }]) => ({ name, title, help, takesTime: false })),
  { name: NO_PRESET, title: 'Bare', help: "The original's defaults, for somebody who sets every option.", takesTime: false },
];

export const presetNames: readonly string[] = PRESETS.map(({ name }) => name);

/** From the smallest to the largest; a small patch is better and slower. */
const MODELS: readonly (readonly [arch: Recipe['arch'], patch: number])[] = [
  ['vit_tiny', 16],
  ['vit_tiny', 8],
  ['vit_small', 16],
  ['vit_small', 8],
  ['vit_base', 16],
  ['vit_large', 16],
];

let made: Schema | undefined;

/** The same for the life of the engine. */
export function recipeSchema(): Schema {
  const groups = Object.entries(optionGroups).map(([name, title]) => ({ name, title }));
  const place = new Map(groups.map(({ name }, i) => [name, i]));
  made ??= {
    groups,
    options: Object.entries(options)
      .map(([name, descriptor]) => optionOf(name, descriptor))
      .sort((a, b) => place.get(a.group)! - place.get(b.group)!),
    presets: PRESETS,
    defaultPreset: AUTO,
    models: MODELS.map(([arch, patch_size]) => ({
      title: modelTitle({ ...architectures[arch], patch_size }),
      parameters: backboneParameters(resolveRecipe({ arch, patch_size })),
      options: { arch, patch_size },
    })),
  };
  return made;
}

/** Of the transformer as it is taken away, without its head. */
function backboneParameters(recipe: Recipe): number {
  return new ParameterSet(vitParameters(teacherBackbone(networkConfigOf(recipe)), ''), 'backbone').count;
}

function optionOf(name: string, option: OptionDescriptor): Option {
  return {
    name,
    title: option.title,
    group: option.group,
    help: option.help,
    type: option.type,
    default: option.default as OptionValue | null,
    unit: option.unit ?? null,
    original: option.original ? `--${name}` : null,
    status: option.status,
    reason: option.reason ?? null,
    aliasOf: option.aliasOf ?? null,
    choices: [
      ...(option.choices ?? []).map((value) => ({ value, refused: null })),
      ...Object.entries(option.refusedChoices ?? {}).map(([value, refused]) => ({ value, refused })),
    ],
    minimum: option.minimum ?? null,
    maximum: option.maximum ?? null,
    above: option.above ?? null,
    below: option.below ?? null,
    count: option.count ?? null,
  };
}
