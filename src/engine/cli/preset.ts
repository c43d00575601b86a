/** Where a run's options begin: a preset of the paper, or what `auto` chooses for these pictures, this device, this time. */
import { medianShortSide, splitIndices, type Manifest } from '../data';
import { UserError } from '../errors';
import type { Gpu } from '../gpu';
import { AUTO, chooseAuto, measureRate, NO_PRESET, presets } from '../ibot';
import { checkMemory, fitToMemory } from './requirements';

export { AUTO } from '../ibot';

export interface PresetSituation {
  gpu: Gpu;
  manifest: Manifest;
  hours: number | undefined;
  /** Options that somebody set; `auto` leaves them as they are and chooses the others to fit. */
  given: Readonly<Record<string, unknown>>;
}

export interface PresetChoice {
  options: Readonly<Record<string, unknown>>;
  /** Sentences that say what was chosen and why. */
  reasons: readonly string[];
  /** What speaks against starting like this. */
  warning?: string;
  /** That it fits into the device's memory is known already. */
  fits?: boolean;
}

export const presetNames = (): string[] => [AUTO, ...Object.keys(presets), NO_PRESET];

/** @throws UserError for unknown names. */
export function checkPreset(name: string): void {
  if (!presetNames().includes(name)) {
    throw new UserError(`There is no preset ${name}: choose one of ${presetNames().join(', ')}.`);
  }
}

/** Options of a preset that depends on nothing; undefined for `auto`. */
export function fixedPreset(name: string): PresetChoice | undefined {
  if (name === AUTO) return undefined;
  if (name === NO_PRESET) return { options: {}, reasons: [] };
  const { help, recipe } = presets[name]!;
  return { options: recipe, reasons: [help] };
}

/** Measures device and pictures, and chooses. Takes a few seconds. */
export async function autoPreset({ gpu, manifest, hours, given }: PresetSituation): Promise<PresetChoice> {
  const pictures = splitIndices(manifest, 'train').length;
  const choice = chooseAuto({
    pictures,
    side: await medianShortSide(manifest),
    flopsPerSecond: await measureRate(gpu),
    given,
    ...(hours === undefined ? {} : { hours }),
  });
  const { recipe, tooShort } = choice;
  const fitted = given.accumulate !== undefined ? await checkMemory(gpu, recipe) : await fitToMemory(gpu, recipe);
  const { accumulate } = fitted.recipe;
  const options = accumulate > recipe.accumulate ? { ...choice.options, accumulate } : choice.options;
  const fitting: PresetChoice = { options, reasons: [...choice.reasons, fitted.sentence], fits: true };
  if (!tooShort) return fitting;
  const enough = Number(tooShort.hours.toPrecision(2));
  const warning = tooShort.timeLimits
    ? `This is too little time to learn anything that lasts: give it ${enough} hours (--hours ${enough}).`
    : `${pictures} pictures to train on are too few to learn anything that lasts, however long it takes: add some.`;
  return { ...fitting, warning };
}
