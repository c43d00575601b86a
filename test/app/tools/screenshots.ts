/** Pictures of the real program, of sample pictures and of short runs that really take place. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { makeSample } from '../../../src/engine/data/sample';
import type { OptionValues } from '../../../src/engine/protocol';
import { removeTemporaryFolders, temporaryFolder } from '../../support/temporary-folder';
import { ask } from '../support/engine-port';
import { endDisplay, launch, prepare, type LaunchedApp } from '../support/launch';
import { addDataset, becomes, reach } from '../support/small-run';

/** What a view needs to be shown. */
interface Shown {
  page: Page;
  dataset: string;
}

interface View {
  name: string;
  /** After `#/`. */
  address(shown: Shown): string;
  /** Opens something in it. */
  then?(shown: Shown): Promise<unknown>;
}

const finished = ['box-blocks', 'box-random'];
const going = 'box-longer';
const minutes = 60_000;

const cell = (page: Page, place: number) => page.getByRole('option').nth(place);
const views: readonly View[] = [
  { name: 'home', address: () => 'home' },
  { name: 'data', address: ({ dataset }) => `data/${dataset}`, then: ({ page }) => cell(page, 9).click() },
  { name: 'picture', address: ({ dataset }) => `data/${dataset}`, then: ({ page }) => cell(page, 14).dblclick() },
  { name: 'problems', address: ({ dataset }) => `data/${dataset}/problems`, then: ({ page }) => page.getByRole('row', { name: /cut\.jpg/ }).click() },
  { name: 'duplicates', address: ({ dataset }) => `data/${dataset}/duplicates` },
  { name: 'statistics', address: ({ dataset }) => `data/${dataset}/statistics` },
  { name: 'new-run', address: () => 'runs/new' },
  { name: 'monitor', address: () => `run/${going}` },
  { name: 'runs', address: () => 'runs' },
  { name: 'compare', address: () => `runs/compare/${encodeURIComponent(finished.join('|'))}` },
  { name: 'commands', address: () => 'home', then: ({ page }) => page.keyboard.press('Control+k') },
  { name: 'settings', address: () => 'home', then: ({ page }) => page.keyboard.press('Control+,') },
];

/** A size at which a processor learns something in minutes; the rest is as the program fits it. */
const options: OptionValues = {
  ...{ embed_dim: 96, depth: 4, num_heads: 3, patch_size: 8, global_crops_size: 64, local_crops_size: 32, local_crops_number: 2 },
  ...{ batch_size: 32, epochs: 20, knn_every: 2, workers: 1 },
};

/** @param keep hears each picture, a PNG, as it is taken; names end with the theme */
export async function takeScreenshots(wanted: readonly string[], keep: (name: string, png: Buffer) => Promise<void>): Promise<void> {
  const unknown = wanted.find((name) => !views.some((view) => view.name === name));
  if (unknown !== undefined) throw new Error(`There is no view ${unknown}: choose from ${views.map(({ name }) => name).join(', ')}.`);
  await prepare();
  let shell: LaunchedApp | undefined;
  try {
    const place = temporaryFolder();
    shell = await launch({ from: { library: join(place, 'Workbench'), userData: join(place, 'profile') }, theme: 'dark' });
    const shown = { page: shell.page, dataset: await prepareLibrary(shell, join(place, 'Picture box')) };
    for (const theme of ['dark', 'light'] as const) {
      await ask(shell.page, 'desktop.setSettings', { theme });
      await shell.page.waitForFunction((name) => document.documentElement.dataset.theme === name, theme);
      for (const view of views) {
        if (wanted.length > 0 && !wanted.includes(view.name)) continue;
        await open(view, shown);
        await keep(`${view.name}-${theme}`, await shell.page.screenshot());
        await shell.page.keyboard.press('Escape');
      }
    }
  } finally {
    await shell?.close();
    endDisplay();
    removeTemporaryFolders();
  }
}

async function open(view: View, shown: Shown): Promise<void> {
  const { page } = shown;
  await page.evaluate((address) => (location.hash = `#/${address}`), view.address(shown));
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await rest(page);
  if (!view.then) return;
  await view.then(shown);
  await rest(page);
}

/** Until pictures are there and nothing moves any more. */
async function rest(page: Page): Promise<void> {
  await page.mouse.move(2, 400);
  await page.waitForTimeout(1500);
  await page.waitForFunction(() => [...document.images].every((image) => image.complete) && !document.querySelector('[aria-busy=true]'), null, { timeout: 30_000 });
  await page.waitForTimeout(300);
}

/** Pictures with a few that are there twice or broken, two runs that are over and one that goes on. */
async function prepareLibrary({ page }: LaunchedApp, folder: string): Promise<string> {
  await makeSample({ folder, count: 480, seed: 3, size: 160 });
  spoil(folder);
  const dataset = await addDataset(page, folder, 5 * minutes);
  await ask(page, 'duplicates.search', { dataset, by: { kind: 'hash' } });
  const [blocks, random] = finished as [string, string];
  const start = (name: string, more: OptionValues = {}) =>
    ask(page, 'runs.start', { name, draft: { dataset, preset: 'auto', hours: null, options: { ...options, ...more } } });
  await start(blocks);
  await start(random, { pred_shape: 'rand' });
  await start(going, { epochs: 30 });
  for (const run of finished) await becomes(page, run, 'finished', 30 * minutes);
  await ask(page, 'runs.tag', { runs: finished, add: ['masks'] });
  await ask(page, 'runs.setNote', { run: blocks, note: 'Whole objects hidden at once.' });
  await reach(page, going, 200, 20 * minutes);
  return dataset;
}

function spoil(folder: string): void {
  const [one, other] = readdirSync(folder).sort();
  const files = readdirSync(join(folder, one!)).sort();
  for (const [i, file] of files.slice(0, 4).entries()) copyFileSync(join(folder, one!, file), join(folder, i % 2 ? one! : other!, `copy of ${file}`));
  const whole = readFileSync(join(folder, one!, files[5]!));
  mkdirSync(join(folder, 'from the phone'));
  writeFileSync(join(folder, 'from the phone', 'cut.jpg'), whole.subarray(0, (whole.length * 2) / 3));
  writeFileSync(join(folder, 'from the phone', 'page.jpg'), '<!doctype html><title>404</title>');
  writeFileSync(join(folder, 'from the phone', 'empty.png'), '');
}
