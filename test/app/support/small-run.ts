/** Runs so small that a step takes milliseconds, and so long that they do not end by themselves unless they are told to. */
import type { Page } from 'playwright-core';
import type { OptionValues, RunSummary } from '../../../src/engine/protocol';
import { makeSample } from '../../../src/engine/data/sample';
import { ask } from './engine-port';
import { until } from './until';

const smallOptions: OptionValues = {
  arch: 'vit_tiny',
  embed_dim: 16,
  depth: 1,
  num_heads: 2,
  patch_size: 8,
  global_crops_size: 32,
  local_crops_number: 0,
  out_dim: 64,
  head_hidden_dim: 32,
  head_bottleneck_dim: 16,
  batch_size: 8,
  epochs: 20_000,
  warmup_epochs: 1,
  warmup_teacher_temp_epochs: 1,
  checkpoint_minutes: 0,
  keep_every: 0,
  knn_every: 0,
  workers: 1,
};

/** A few drawn pictures. */
export async function drawPictures(folder: string, count = 48): Promise<void> {
  await makeSample({ folder, count, seed: 1, size: 64 });
}

/** Adds a folder, and waits until it has been read; resolves to the dataset's id. */
export async function addDataset(page: Page, folder: string, limitMs?: number): Promise<string> {
  const { dataset } = await ask(page, 'datasets.add', { folder });
  const isRead = async () => (await ask(page, 'datasets.get', { dataset: dataset.dataset })).task === null;
  await until(`end of reading ${folder}`, isRead, limitMs);
  return dataset.dataset;
}

export async function startRun(page: Page, name: string, dataset: string, options: OptionValues = {}): Promise<void> {
  const draft = { dataset, preset: 'none', hours: null, options: { ...smallOptions, ...options } };
  await ask(page, 'runs.start', { name, draft });
}

export const runOf = (page: Page, run: string): Promise<RunSummary> => ask(page, 'runs.get', { run });

/** Until the run has come so far; resolves to where it is. */
export function reach(page: Page, run: string, step: number, limitMs?: number): Promise<number> {
  // While the engine is started anew there is no answer.
  const stepNow = () => ask(page, 'monitor.progress', { run }).then((progress) => progress.step, () => -1);
  return until(`step ${step} of ${run}`, async () => ((now) => now >= step && now)(await stepNow()), limitMs);
}

export function becomes(page: Page, run: string, state: RunSummary['state'], limitMs?: number): Promise<RunSummary> {
  const stateNow = async () => {
    const summary = await runOf(page, run);
    return summary.state === state && summary;
  };
  return until(`${run} that is ${state}`, stateNow, limitMs);
}
