/** Everything about one run. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { options, type Recipe } from '../ibot';
import type { OptionValue, OptionValues, Result, RunDetail } from '../protocol';
import { headlineKnn, listCheckpoints, sameDevice, type Baselines, type RunRecord } from '../runs';
import type { RunEntry } from './run-entry';
import { finite } from './run-summary';
import type { HostServices } from './services';

type KnnScoresOf = Baselines['pixels'];
type Scores = NonNullable<RunDetail['baselines']>['untrained'];

export async function runDetail({ desk, device }: HostServices, entry: RunEntry): Promise<RunDetail> {
  const record = entry.record!;
  const summary = desk.summary(entry);
  const { recipe, sizes, data } = record;
  const present = device.current?.gpu.info;
  const last = entry.step;
  return {
    ...summary,
    recipe: optionValuesOf(recipe),
    changed: changedOptions(recipe),
    program: record.program.version,
    device: {
      name: record.device.name,
      driver: record.device.description,
      software: record.device.software,
    },
    sameDevice: present !== undefined && sameDevice(record.device, { ...present }),
    trainingPictures: data.trainingPictures,
    heldOutPictures: data.heldOutPictures,
    classes: data.classes,
    memoryBytes: finite(sizes.memoryBytes),
    picturesPerSecond: finite(last?.picturesPerSecond),
    embedDim: recipe.embed_dim,
    guessing: guessingOf(recipe),
    baselines: baselinesOf(entry),
    saved: await savedOf(entry),
    badPictures: await badPicturesOf(entry.folder),
    failure: summary.state === 'failed' ? await failureOf(entry, summary.reason) : null,
  };
}

/** What uniform guessing gives: ln(out_dim), weighted. */
export function guessingOf({ lambda1, lambda2, out_dim, patch_out_dim, pred_ratio }: Recipe): RunDetail['guessing'] {
  const cls = lambda1 * Math.log(out_dim);
  const patch = pred_ratio.every((ratio) => ratio === 0) ? 0 : lambda2 * Math.log(patch_out_dim);
  return { loss: cls + patch, cls, patch };
}

export function baselinesOf({ baselines }: RunEntry): RunDetail['baselines'] {
  if (!baselines) return null;
  const { untrained, pixels } = baselines;
  return { untrained: scoresOf(untrained), pixels: knnOf(pixels) };
}

const scoresOf = ({ knn, retrieval, rank }: { knn: KnnScoresOf; retrieval: number | null; rank: number | null }): Scores => ({
  knn: knnOf(knn),
  retrieval: finite(retrieval),
  rank: finite(rank),
});

const knnOf = (knn: KnnScoresOf): Scores['knn'] =>
  knn && { k10: finite(knn.k10), k20: finite(knn.k20), k100: finite(knn.k100), k200: finite(knn.k200) };

const optionValuesOf = (recipe: Recipe): OptionValues =>
  Object.fromEntries(Object.entries(recipe).map(([name, value]) => [name, structuredClone(value) as OptionValue]));

/** Other than the defaults; places count for nothing. */
export function changedOptions(recipe: Recipe): string[] {
  return Object.entries(recipe).flatMap(([name, value]) => {
    const standard = options[name]?.default;
    const isPlace = name === 'data_path' || name === 'output_dir';
    return isPlace || standard === null || JSON.stringify(standard) === JSON.stringify(value) ? [] : [name];
  });
}

async function savedOf(entry: RunEntry): Promise<RunDetail['saved']> {
  const { recipe, sizes } = entry.record!;
  const stored = await listCheckpoints(join(entry.folder, 'checkpoints')).catch(() => []);
  const found = await Promise.all(
    stored.reverse().map(async ({ path, step }) => {
      const state = await stat(path).catch(() => undefined);
      if (!state) return [];
      const epoch = step / sizes.stepsPerEpoch;
      const kept = recipe.keep_every > 0 && step > 0 && step % (recipe.keep_every * sizes.stepsPerEpoch) === 0;
      const measured = entry.epochs.findLast((each) => each.step <= step && each.evaluation !== null);
      const knn = finite(headlineKnn(measured?.evaluation?.teacher.knn ?? null));
      return [{ step, epoch, at: state.mtimeMs, bytes: state.size, kept, knn }];
    }),
  );
  return found.flat();
}

async function badPicturesOf(folder: string): Promise<RunDetail['badPictures']> {
  const text = await readFile(join(folder, 'bad-pictures.txt'), 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    try {
      const { path, reason, step } = JSON.parse(line) as { path: unknown; reason: unknown; step: unknown };
      return [{ path: String(path), reason: String(reason), step: typeof step === 'number' ? step : null }];
    } catch {
      return [];
    }
  });
}

interface Diagnosis {
  step?: number;
  parameter?: string | null;
  firstTensor?: { op?: string; tensor?: string } | null;
}

async function failureOf(entry: RunEntry, reason: string | null): Promise<RunDetail['failure']> {
  const record = entry.record!;
  const [diagnosis, stored] = await Promise.all([
    readFile(join(entry.folder, 'diagnosis.json'), 'utf8')
      .then((text) => JSON.parse(text) as Diagnosis)
      .catch(() => undefined),
    listCheckpoints(join(entry.folder, 'checkpoints')).catch(() => []),
  ]);
  const isNonFinite = diagnosis !== undefined && /not a finite number/.test(reason ?? '');
  const { op, tensor } = diagnosis?.firstTensor ?? {};
  const checkpointStep = stored[0]?.step ?? null;
  return {
    title: isNonFinite ? 'A value was not finite' : 'The run stopped',
    message: reason ?? 'Nobody wrote down why; its log may tell.',
    detail: isNonFinite ? JSON.stringify({ ...diagnosis, reports: undefined }, null, 2) : null,
    step: diagnosis?.step ?? record.step,
    checkpointStep,
    first: isNonFinite && op !== undefined && tensor !== undefined ? { op, tensor } : null,
    parameter: (isNonFinite ? diagnosis.parameter : null) ?? null,
    waysOut: waysOutOf(record, isNonFinite, checkpointStep),
  };
}

function waysOutOf(record: RunRecord, isNonFinite: boolean, checkpointStep: number | null): NonNullable<RunDetail['failure']>['waysOut'] {
  const { lr, warmup_epochs: warmup, clip_grad: clip } = record.recipe;
  const goOn = {
    label: checkpointStep === null ? 'Begin it again' : `Go on from step ${checkpointStep.toLocaleString('en')}`,
    meaning: isNonFinite
      ? 'It meets the same value again, unless the device or its driver was at fault.'
      : 'Once what stopped it is mended; nothing that was saved is lost.',
    action: 'continue' as const,
    changes: {},
  };
  if (!isNonFinite) return [goOn];
  const clone = (label: string, meaning: string, changes: OptionValues) => ({ label, meaning, action: 'clone' as const, changes });
  const halved = Number((lr / 2).toPrecision(3));
  return [
    clone(`New run with learning rate ${halved}`, 'Half of it is mostly enough; learning takes a little longer.', { lr: halved }),
    ...(clip === 0 ? [clone('New run with gradients clipped at 3', 'Single steep steps are cut; it costs next to nothing.', { clip_grad: 3 })] : []),
    clone(`New run with ${warmup * 2 || 10} epochs of warm-up`, 'Where it happened in the first epochs.', { warmup_epochs: warmup * 2 || 10 }),
    goOn,
  ];
}

/** Fields of the comparison. */
export function compareRuns(entries: readonly RunEntry[]): Pick<Result<'runs.compare'>, 'options' | 'notes'> {
  const recipes = entries.map(({ record }) => record!.recipe as unknown as Record<string, OptionValue | undefined>);
  const names = Object.keys(options).filter((name) => recipes.some((recipe) => recipe[name] !== undefined));
  const compared = names
    .filter((name) => name !== 'data_path' && name !== 'output_dir')
    .map((name) => {
      const values = recipes.map((recipe) => recipe[name] ?? null);
      return { name, differs: new Set(values.map((value) => JSON.stringify(value))).size > 1, values };
    });
  const differing = (...wanted: string[]): boolean => compared.some(({ name, differs }) => differs && wanted.includes(name));
  const notes: { chart: string; message: string }[] = [];
  const note = (charts: string[], message: string): void => {
    for (const chart of charts) notes.push({ chart, message });
  };
  const losses = ['loss', 'cls', 'patch'];
  if (differing('teacher_temp', 'warmup_teacher_temp', 'teacher_patch_temp', 'warmup_teacher_patch_temp')) {
    note(losses, 'not comparable: teacher temperatures differ');
  }
  if (differing('out_dim', 'patch_out_dim')) note(losses, 'not comparable: numbers of outputs differ');
  if (differing('lambda1', 'lambda2')) note(['loss'], 'not comparable: weights of the losses differ');
  const sets = new Set(entries.map(({ record }) => record!.data.manifestHash));
  if (sets.size > 1) note(['knn', 'retrieval', 'rank'], 'measured on different pictures');
  if (differing('embed_dim')) note(['rank'], 'features have different numbers of dimensions');
  return { options: compared, notes };
}
