import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { makeManifest, splitIndices, type Manifest, type Problem } from '../data';
import { UserError } from '../errors';
import type { Gpu } from '../gpu';
import { layerOptions, measureRate, resolveRecipe, trainingSchedules, type Recipe } from '../ibot';
import { fitRecipe, runTraining } from '../runs';
import { positiveNumber } from './flag-values';
import { DEVICE_FLAG, DEVICE_HELP, openDevice, sayDevice } from './open-device';
import { describeProblems } from './picture-features';
import { isInside } from './places';
import { AUTO, autoPreset, checkPreset, fixedPreset, presetNames, type PresetChoice } from './preset';
import { counted } from './quantities';
import { describeRecipe, readRecipeFile } from './recipe-file';
import { addRecipeFlags, givenOptions } from './recipe-flags';
import { checkDisk, checkMemory, timeSentence } from './requirements';
import { carryOut, PANELS_HELP } from './run-session';
import { commandScreen, type Screen } from './screen';
import { inTurn } from './turn';
import { VERSION } from '../version';

export interface TrainFlags extends Record<string, unknown> {
  out?: string;
  preset: string;
  hours?: number;
  config?: string;
  labels?: string;
  device?: string;
  allowBad?: boolean;
  panels?: boolean;
  json?: boolean;
}

/** `ibot train PICTURES --out RUN`: pretrains on a folder of pictures. */
export function registerTrain(program: Command): void {
  const command = program.command('train').description('pretrain a vision transformer on a folder of pictures');
  addTrainFlags(command);
  command.addHelpText(
    'after',
    "\nOptions of the recipe are the original's and are written with - or _; lists take several values (--pred_ratio 0 0.3).\n" +
      'Ctrl-C finishes the step and saves; `ibot resume RUN` goes on from there.',
  );
  command.action((pictures: string | undefined, flags: TrainFlags) => train(pictures, flags));
}

export function addTrainFlags(command: Command): void {
  command
    .argument('[pictures]', 'folder of pictures, searched in all folders below; class folders become labels')
    .option('--out <run>', 'folder of the run: options, metrics, checkpoints')
    .option('--preset <name>', `where options begin: ${presetNames().join(', ')}`, AUTO)
    .option('--hours <h>', 'time that the preset auto plans for (default: what it recommends)', positiveNumber)
    .option('--config <file>', 'JSON file with an object of options; flags win over it')
    .option('--labels <file>', 'CSV file path,label[,split] in place of class folders; split: train, held-out or left-out; path *: all others')
    .option(DEVICE_FLAG, DEVICE_HELP)
    .option('--allow-bad', 'go on when more than a tenth of the pictures cannot be read')
    .option('--panels', PANELS_HELP)
    .option('--json', 'write one JSON object per line for other programs');
  addRecipeFlags(command);
}

/** What the words of a command come to before anything is measured. */
interface AskedRun {
  pictures: string;
  out: string;
  given: Readonly<Record<string, unknown>>;
  fixed: PresetChoice | undefined;
  resolveWith(choice: PresetChoice): Recipe;
  /** Undefined where the preset has to know pictures and device first. */
  recipe: Recipe | undefined;
  manifest: Manifest;
  problems: Problem[];
}

/** @param looking called before the folder is read */
export async function askedRun(picturesGiven: string | undefined, flags: TrainFlags, looking?: () => void): Promise<AskedRun> {
  checkPreset(flags.preset);
  const given = layerOptions(flags.config ? await readRecipeFile(flags.config) : {}, givenOptions(flags));
  const pictures = picturesGiven ?? textOf(given.data_path);
  const out = flags.out ?? textOf(given.output_dir);
  if (!pictures) throw new UserError('Which pictures? Give their folder: ibot train PICTURES --out RUN.');
  if (!out) throw new UserError('Where shall the run go? Give a new folder with --out.');
  if (await isInside(out, pictures)) {
    const among = `The run ${out} would lie among the pictures in ${pictures}, which are only read`;
    throw new UserError(`${among}: choose a folder elsewhere.`);
  }
  const places = { data_path: resolve(pictures), output_dir: resolve(out) };
  const fixed = fixedPreset(flags.preset);
  if (fixed && flags.hours !== undefined) {
    throw new UserError('--hours goes with --preset auto: a fixed preset has its own epochs.');
  }
  const resolveWith = (choice: PresetChoice): Recipe => resolveRecipe(layerOptions(choice.options, given, places));
  // What cannot work is refused before anything takes time; auto needs to know pictures and device first.
  const recipe = fixed && resolveWith(fixed);
  const { seed, hold_out } = recipe ?? resolveRecipe({ seed: given.seed, hold_out: given.hold_out });

  looking?.();
  const found = await makeManifest(pictures, { labelsFile: flags.labels, heldOut: hold_out, seed });
  return { pictures, out, given, fixed, resolveWith, recipe, ...found };
}

async function train(picturesGiven: string | undefined, flags: TrainFlags): Promise<void> {
  const screen = commandScreen(flags.json);
  const asked = await askedRun(picturesGiven, flags, () => screen.show('Looking for pictures …'));
  const { pictures, out, given, fixed, resolveWith, recipe, manifest, problems } = asked;
  screen.clear();
  sayPictures(screen, flags.json, manifest, problems);
  const detail = `pretraining on ${basename(resolve(pictures))}`;
  // On the device of a library runs take turns, and nothing is measured while another one is going.
  await inTurn(screen, { folder: resolve(out), detail, json: flags.json }, async (turn) => {
    const device = await openDevice(flags.device);
    if (!flags.json) sayDevice(screen, device);
    const choice = fixed ?? (await chooseAutomatically(screen, device.gpu, manifest, flags.hours, given));
    const resolved = recipe ?? resolveWith(choice);
    const needs = await requirements(screen, device.gpu, manifest, out, resolved, choice);
    const reasons = [...choice.reasons, ...needs];
    if (flags.json) console.log(JSON.stringify({ event: 'recipe', preset: flags.preset, reasons, recipe: resolved }));
    else {
      for (const reason of reasons) screen.say(reason);
      screen.say('Options:');
      for (const line of describeRecipe(resolved, screen.atTerminal ? Math.min(130, screen.columns) : 100)) screen.say(line);
    }
    await carryOut(screen, flags.json, out, turn, (session) =>
      runTraining({
        folder: out,
        gpu: device.gpu,
        manifest,
        problems,
        recipe: resolved,
        allowBad: flags.allowBad ?? false,
        warnings: choice.warning === undefined ? [] : [{ code: 'few-steps', message: choice.warning }],
        version: VERSION,
        panels: flags.panels ?? false,
        ...session,
      }),
    );
    device.gpu.close();
  });
}

async function chooseAutomatically(
  screen: Screen,
  gpu: Gpu,
  manifest: Manifest,
  hours: number | undefined,
  given: Readonly<Record<string, unknown>>,
): Promise<PresetChoice> {
  screen.show('Measuring the device …');
  try {
    return await autoPreset({ gpu, manifest, hours, given });
  } finally {
    screen.clear();
  }
}

/**
 * Memory, disk and time of a run, in sentences; those that `auto` has told are left out.
 * @throws UserError where there is too little
 */
async function requirements(
  screen: Screen,
  gpu: Gpu,
  manifest: Manifest,
  out: string,
  wanted: Recipe,
  { fits = false }: PresetChoice,
): Promise<string[]> {
  const pictures = splitIndices(manifest, 'train').length;
  const { recipe } = fitRecipe(wanted, pictures);
  if (fits) {
    await checkDisk(out, recipe, pictures);
    return [];
  }
  screen.show('Measuring the device …');
  try {
    const { sentence, flops } = await checkMemory(gpu, recipe);
    await checkDisk(out, recipe, pictures);
    const { steps } = trainingSchedules(recipe, Math.floor(pictures / recipe.batch_size));
    return [sentence, timeSentence(flops, steps, await measureRate(gpu))];
  } finally {
    screen.clear();
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

function sayPictures(screen: Screen, json: boolean | undefined, manifest: Manifest, problems: readonly Problem[]): void {
  if (!json) {
    const { length } = manifest.classes;
    const classes = length > 0 ? ` in ${counted(length, 'class', 'classes')}` : ', without labels';
    screen.say(`Found ${counted(manifest.pictures.length, 'picture')}${classes}.`);
  }
  if (problems.length === 0) return;
  const [, ...lines] = describeProblems(problems);
  process.stderr.write(`${counted(problems.length, 'entry', 'entries')} could not be used:\n${lines.join('\n')}\n`);
}
