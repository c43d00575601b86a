/** Pictures of the real program, of sample pictures and of short runs that really take place. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { makeSample } from '../../../src/engine/data/sample';
import type { OptionValues } from '../../../src/engine/protocol';
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
  /** Looks the same in the other theme. */
  only?: 'dark';
  /** Opens something in it. */
  then?(shown: Shown): Promise<unknown>;
}

/** Stays for the next time, with its runs. */
const place = join(tmpdir(), 'iBOT');
const finished = ['box-blocks', 'box-random'];
const going = 'box-longer';
/** Where curves have something to tell. */
const shownFromStep = 500;
const minutes = 60_000;

const cell = (page: Page, place: number) => page.getByRole('option').nth(place);
const views: readonly View[] = [
  { name: 'home', address: () => 'home' },
  { name: 'data', address: ({ dataset }) => `data/${dataset}`, then: ({ page }) => cell(page, 9).click() },
  { name: 'picture', only: 'dark', address: ({ dataset }) => `data/${dataset}`, then: ({ page }) => cell(page, 14).dblclick() },
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
  ...{ embed_dim: 64, depth: 4, num_heads: 2, patch_size: 8, global_crops_size: 48, local_crops_size: 24, local_crops_number: 4 },
  ...{ out_dim: 1024, head_hidden_dim: 512, head_bottleneck_dim: 128 },
  ...{ batch_size: 64, epochs: 12, workers: 1 },
};

/** @param keep hears each picture, a PNG, as it is taken; names end with the theme */
export async function takeScreenshots(wanted: readonly string[], keep: (name: string, png: Buffer) => Promise<void>): Promise<void> {
  const unknown = wanted.find((name) => !views.some((view) => view.name === name));
  if (unknown !== undefined) throw new Error(`There is no view ${unknown}: choose from ${views.map(({ name }) => name).join(', ')}.`);
  await prepare();
  let shell: LaunchedApp | undefined;
  try {
    shell = await launch({ from: { library: join(place, 'Workbench'), userData: join(place, 'profile') }, theme: 'dark', width: 1280, height: 800 });
    const shown = { page: shell.page, dataset: await prepareLibrary(shell, join(place, 'Picture box')) };
    for (const theme of ['dark', 'light'] as const) {
      await ask(shell.page, 'desktop.setSettings', { theme });
      await shell.page.waitForFunction((name) => document.documentElement.dataset.theme === name, theme);
      for (const view of views) {
        if (wanted.length > 0 && !wanted.includes(view.name)) continue;
        if (view.only && view.only !== theme) continue;
        await open(view, shown);
        await keep(`${view.name}-${theme}`, await shell.page.screenshot());
        await shell.page.keyboard.press('Escape');
      }
    }
  } finally {
    await shell?.close();
    endDisplay();
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
  await page.waitForFunction(isQuiet, null, { timeout: minutes });
  await page.waitForTimeout(300);
}

const isQuiet = () =>
  [...document.images].every((image) => image.complete) &&
  !document.querySelector('[aria-busy=true]') &&
  !/being (measured|drawn)/.test(document.querySelector('main')?.innerText ?? '');

/** Pictures with a few that are there twice or broken, two runs that are over and one that goes on. */
async function prepareLibrary({ page }: LaunchedApp, folder: string): Promise<string> {
  const { runs } = await ask(page, 'runs.list', {});
  const dataset = runs.find(({ run }) => run === finished[0])?.dataset ?? (await addPictures(page, folder));
  const [blocks, random] = finished as [string, string];
  const see = async (name: string, more: OptionValues = {}) => {
    const known = runs.find(({ run }) => run === name)?.state;
    const draft = { dataset, preset: 'auto', hours: null, options: { ...options, ...more } };
    if (known === undefined) await ask(page, 'runs.start', { name, draft });
    else if (known === 'paused') await ask(page, 'runs.resume', { run: name });
    else if (known === 'stopped' || known === 'interrupted') await ask(page, 'runs.continue', { run: name });
  };
  await see(blocks);
  await see(random, { pred_shape: 'rand' });
  await see(going, { epochs: 60 });
  for (const run of finished) await becomes(page, run, 'finished', 60 * minutes);
  await ask(page, 'runs.tag', { runs: finished, add: ['masks'] });
  await ask(page, 'runs.setNote', { run: blocks, note: 'Whole objects hidden at once.' });
  await reach(page, going, shownFromStep, 60 * minutes);
  return dataset;
}

async function addPictures(page: Page, folder: string): Promise<string> {
  await makeSample({ folder, count: 2000, seed: 3, size: 160 });
  spoil(folder);
  const dataset = await addDataset(page, folder, 5 * minutes);
  await ask(page, 'duplicates.search', { dataset, by: { kind: 'hash' } });
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
