import type { Command } from 'commander';
import { folderLabels, scanFolder, type Problem } from '../data';
import { UserError } from '../errors';
import { weightedKnn } from '../evaluate';
import type { Gpu } from '../gpu';
import { wholeNumber } from './flag-values';
import { interruptible } from './interrupts';
import { MODEL_FLAG, MODEL_HELP, openModel, sayModel, type LoadedModel } from './model';
import { DEVICE_FLAG, DEVICE_HELP, openDevice, sayDevice } from './open-device';
import { describeProblems, pictureFeatures } from './picture-features';
import { counted, percent } from './quantities';
import { bar, commandScreen, type Screen } from './screen';

interface KnnFlags {
  model: string;
  train: string;
  test: string;
  size?: number;
  device?: string;
  allowBad?: boolean;
  json?: boolean;
}

/** What `knn --json` prints. */
export interface KnnReport {
  /** Pictures with a label. */
  train: number;
  test: number;
  classes: number;
  /** Percent; null where there are fewer than k training pictures. */
  top1: Record<'k10' | 'k20' | 'k100' | 'k200', number | null>;
}

const NEIGHBOURS = [10, 20, 100, 200] as const;

/** `ibot knn`: how well a model's features tell classes apart, without training anything. */
export function registerKnn(program: Command): void {
  program
    .command('knn')
    .description("weighted k-NN accuracy of a model's features on two folders with class folders")
    .requiredOption(MODEL_FLAG, MODEL_HELP)
    .requiredOption('--train <dir>', 'labelled pictures to compare with, one folder per class')
    .requiredOption('--test <dir>', 'labelled pictures to classify, with the same class folders')
    .option('--size <px>', 'side of the pictures (default: that of the large crops in training)', wholeNumber(1, 4096))
    .option(DEVICE_FLAG, DEVICE_HELP)
    .option('--allow-bad', 'go on when more than a tenth of the pictures cannot be read')
    .option('--json', 'write one JSON object for other programs')
    .action((flags: KnnFlags) => interruptible((signal) => run(flags, signal)));
}

interface LabelledFolder {
  root: string;
  paths: string[];
  labels: string[];
}

async function labelled(folder: string): Promise<LabelledFolder> {
  const { root, pictures } = await scanFolder(folder);
  const given = folderLabels(pictures.map(({ path }) => path));
  const found = pictures.flatMap(({ path }, i) => {
    const label = given[i]!.label;
    return label === null ? [] : [{ path, label }];
  });
  if (found.length === 0) {
    throw new UserError(`${folder} has no classes: put the pictures of each class into a folder of its own (at least two).`);
  }
  return { root, paths: found.map(({ path }) => path), labels: found.map(({ label }) => label) };
}

async function run(flags: KnnFlags, signal: AbortSignal): Promise<void> {
  const screen = commandScreen(flags.json);
  const model = await openModel(flags.model);
  sayModel(model, screen, flags.json);
  const size = flags.size ?? model.defaultSize;
  const train = await labelled(flags.train);
  const test = await labelled(flags.test);
  const device = await openDevice(flags.device);
  if (!flags.json) sayDevice(screen, device);
  const classes = [...new Set([...train.labels, ...test.labels])].sort();
  const options = { model, size, signal, allowBad: flags.allowBad ?? false, screen };
  const trained = await featuresOf(device.gpu, train, classes, { ...options, what: 'training' });
  const tested = await featuresOf(device.gpu, test, classes, { ...options, what: 'test' });
  screen.show('Comparing …');
  const results = await weightedKnn({
    train: trained.features,
    trainLabels: trained.labels,
    test: tested.features,
    testLabels: tested.labels,
    dimension: model.config.embedDim,
    k: NEIGHBOURS,
    signal,
  });
  screen.clear();
  const top1 = Object.fromEntries(NEIGHBOURS.map((k, i) => [`k${k}`, results[i]?.top1 ?? null])) as KnnReport['top1'];
  const report: KnnReport = { train: trained.labels.length, test: tested.labels.length, classes: classes.length, top1 };
  device.gpu.close();
  if (flags.json) console.log(JSON.stringify(report));
  else for (const line of describeReport(report)) screen.say(line);
}

interface FeatureOptions {
  model: LoadedModel;
  size: number;
  signal: AbortSignal;
  allowBad: boolean;
  screen: Screen;
  what: string;
}

async function featuresOf(
  gpu: Gpu,
  folder: LabelledFolder,
  classes: readonly string[],
  { screen, what, ...options }: FeatureOptions,
): Promise<{ features: Float32Array; labels: Int32Array }> {
  const dimension = options.model.config.embedDim;
  const index = new Map(classes.map((name, i) => [name, i]));
  const features = new Float32Array(folder.paths.length * dimension);
  const labels: number[] = [];
  const problems: Problem[] = [];
  const { root, paths } = folder;
  const onProgress = (done: number, total: number): void =>
    screen.show(`Features of the ${what} pictures ${bar(done / total, 24)} ${done} of ${total}`);
  for await (const { indices, cls } of pictureFeatures({ gpu, root, paths, onProgress, ...options }, problems)) {
    features.set(cls, labels.length * dimension);
    for (const i of indices) labels.push(index.get(folder.labels[i]!)!);
  }
  screen.clear();
  for (const line of describeProblems(problems)) process.stderr.write(`${line}\n`);
  return { features: features.subarray(0, labels.length * dimension), labels: Int32Array.from(labels) };
}

function describeReport({ train, test, classes, top1 }: KnnReport): string[] {
  const pictures = `${counted(train, 'training picture')}, ${counted(test, 'test picture')}`;
  const among = `${pictures}, ${counted(classes, 'class', 'classes')}`;
  const rows = Object.entries(top1).map(
    ([k, value]) => `  k = ${k.slice(1).padEnd(4)} ${value === null ? 'needs more training pictures' : percent(value)}`,
  );
  return [`Weighted k-NN, top 1 (${among}; guessing gives about ${percent(100 / classes)}):`, ...rows];
}
