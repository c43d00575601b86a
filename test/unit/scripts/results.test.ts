import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../support/temporary-folder';

interface Result {
  teacher: unknown;
  best: { epoch: number; value: number } | null;
  steps: number;
  picturesPerSecond: number | null;
  hours: number | null;
  majority: number | null;
}
interface Listed {
  experiment: { name: string; title: string; about: string };
  kept: string;
  result: Result | undefined;
}

const scripts = join(import.meta.dirname, '..', '..', '..', 'scripts', 'results');
const load = (name: string): Promise<unknown> => import(pathToFileURL(join(scripts, name)).href);
const { readResult } = (await load('read-result.mjs')) as { readResult(folder: string): Result | undefined };
const pages = (await load('pages.mjs')) as {
  resultsPage(results: readonly Listed[]): string;
  readmePart(results: readonly Listed[]): string;
  curveOf(experiment: { title: string }, result: Result): string;
};
const { ticks } = (await load('curve.mjs')) as { ticks(low: number, high: number, about: number): number[] };

const run = {
  state: 'stopped',
  step: 4,
  recipe: { arch: 'vit_small', out_dim: 1024, batch_size: 8, seed: 3, global_crops_number: 2, global_crops_size: 32, patch_size: 8 },
  sizes: { steps: 6, stepsPerEpoch: 2, parameters: 1_500_000 },
  data: { trainingPictures: 17, heldOutPictures: 3, classes: 2 },
  device: { name: 'card', description: 'card, driver 1', software: false },
};
const step = (number: number, speed: number): object => ({ event: 'step', step: number, loss: 9 - number, picturesPerSecond: speed });
const epoch = (number: number, k20: number | null): object => ({
  event: 'epoch',
  step: 2 * number,
  epoch: number,
  loss: 8 - number,
  teacherEntropy: 2,
  evaluation: k20 === null ? null : { teacher: { knn: { k10: 41, k20 }, retrieval: 60, rank: 7 } },
});
const metrics = [step(1, 0), step(2, 10), epoch(1, 52), step(3, 20), step(4, 30), epoch(2, 44.44)];
const baselines = { untrained: { knn: { k10: 30, k20: 31.25 }, retrieval: null, rank: 4 }, pixels: { k10: 45, k20: 50 } };
const notes = {
  hours: 2,
  preparation: 'make pictures',
  reasons: ['So it is.'],
  sessions: [
    { command: 'train', commit: 'a'.repeat(40), changed: false, started: 0, ended: 1800 },
    { command: 'resume', commit: 'b'.repeat(40), changed: true, started: 9000, ended: 9900 },
  ],
  classSizes: { cat: 3, dog: 1 },
};

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

const put = (name: string, value: unknown): Promise<void> => writeFile(join(folder, name), JSON.stringify(value));
const lines = (events: readonly object[]): string => events.map((event) => `${JSON.stringify(event)}\n`).join('');

async function listed(): Promise<Listed & { result: Result }> {
  const experiment = { name: 'cats', title: 'Cats', about: 'Pictures of cats.' };
  return { experiment, kept: 'docs/results/cats', result: readResult(folder)! };
}

async function putAll(): Promise<void> {
  await put('run.json', run);
  await put('experiment.json', notes);
  await put('baselines.json', baselines);
  await writeFile(join(folder, 'metrics.jsonl'), lines(metrics));
}

describe('results of a run', () => {
  it('are read from its files', async () => {
    await putAll();
    const { result } = await listed();
    expect(result.steps).toBe(4);
    expect(result.best).toEqual({ epoch: 1, value: 52 });
    // Half an hour and a quarter; the time between does not count.
    expect(result.hours).toBe(0.75);
    // A speed of 0 stands for "not known yet".
    expect(result.picturesPerSecond).toBe(20);
    expect(result.majority).toBe(75);
  });

  it('are the same from packed metrics', async () => {
    await putAll();
    const { result } = await listed();
    await rm(join(folder, 'metrics.jsonl'));
    await writeFile(join(folder, 'metrics.jsonl.gz'), gzipSync(lines(metrics)));
    expect({ ...readResult(folder), files: null }).toEqual({ ...result, files: null });
  });

  it('stand in the page with their gains, the state and the commands', async () => {
    await putAll();
    const page = pages.resultsPage([await listed()]);
    expect(page).toContain('| k-NN, k = 10 | 30.0 % | 45.0 % | **41.0 %** | +11.0 | −4.0 |');
    expect(page).toContain('| k-NN, k = 20 | 31.3 % | 50.0 % | **44.4 %** | +13.2 | −5.6 |');
    expect(page).toContain('| view retrieval | not measured | – | 60.0 % | not measured | – |');
    expect(page).toContain('teacher after epoch 2');
    expect(page).toContain('stopped, after step 4 of 6');
    expect(page).toContain('| git commit | aaaaaaaaaaaa, bbbbbbbbbbbb with changes |');
    expect(page).toContain('```\nmake pictures\ntrain\nresume\n```');
    expect(pages.readmePart([await listed()])).toContain('| Cats (not finished) | 2.0 | card, driver 1 | 31.3 % | 50.0 % | **44.4 %** |');
  });

  it('are said to be missing where nothing was measured', async () => {
    await put('run.json', { ...run, step: 0 });
    const entry = await listed();
    const page = pages.resultsPage([entry]);
    expect(page).toContain('| k-NN, k = 10 | not measured | not measured | **not measured** | not measured | not measured |');
    expect(page).not.toMatch(/NaN|undefined|null/);
    expect(pages.curveOf(entry.experiment, entry.result)).toContain('not measured');
    expect(pages.readmePart([entry])).toContain('Not measured yet');
    expect(pages.resultsPage([{ ...entry, result: undefined }])).toContain('Not run yet: `npm run results -- cats`');
  });

  it('are drawn with both baselines as dashed lines that carry their names', async () => {
    await putAll();
    const { experiment, result } = await listed();
    const svg = pages.curveOf(experiment, result);
    expect(svg.match(/stroke-dasharray/g)).toHaveLength(2);
    expect(svg).toMatch(/>untrained network 31\.3</);
    expect(svg).toMatch(/>raw pixels 50\.0</);
    expect(svg).toMatch(/>teacher 44\.4</);
    // The start, which is the untrained network, and two measured epochs.
    expect(svg.match(/<circle/g)).toHaveLength(3);
    expect(svg).not.toContain('NaN');
  });
});

describe('ticks', () => {
  it.each([
    [0, 100, 5, [0, 20, 40, 60, 80, 100]],
    [0, 1, 4, [0, 0.5, 1]],
    [6.9, 9.1, 4, [7, 8, 9]],
    [0, 7.9, 8, [0, 1, 2, 3, 4, 5, 6, 7]],
  ])('from %d to %d, about %d, are round', (low, high, about, expected) => {
    expect(ticks(low, high, about)).toEqual(expected);
  });
});
