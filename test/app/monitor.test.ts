import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root, setUp } from '../../scripts/set-up.mjs';
import { makeSample } from '../../src/engine/data/sample';
import { temporaryFolder } from '../support/temporary-folder';
import { someKinds } from './support/kinds';
import { monitorOf } from './support/monitor-page';
import type { ProgramWindow } from './support/program-window';
import { slowMs } from './support/until';

describe.each(someKinds)('the monitor of a run, in $kind', ({ prepare, open, end }) => {
  let shell: ProgramWindow;
  let name = '';
  const folder = temporaryFolder();
  const pictures = join(folder, 'drawn');
  const optionsFile = join(folder, 'tiny.json');
  const options = {
    ...{ embed_dim: 32, depth: 2, num_heads: 2, patch_size: 8, global_crops_size: 32, local_crops_number: 0 },
    ...{ out_dim: 64, patch_out_dim: 64, head_hidden_dim: 64, head_bottleneck_dim: 32 },
    ...{ batch_size: 8, epochs: 40, warmup_epochs: 2, warmup_teacher_temp_epochs: 4, workers: 1 },
  };

  /** In the library, by a command of its own. */
  const trainByCommand = async (run: string, changes: Record<string, number>) => {
    const words = Object.entries({ ...options, ...changes }).flatMap(([option, value]) => [`--${option}`, String(value)]);
    const place = join(shell.library, 'runs', run);
    const env = await setUp(['driver', 'engine']);
    return spawn(process.execPath, [join(root, 'out', 'engine', 'main.js'), 'train', pictures, '--out', place, ...words], { env, stdio: 'ignore' });
  };
  const show = async (run: string) => {
    await shell.page.evaluate((address) => (location.hash = address), `#/run/${run}`);
    await shell.page.getByRole('heading', { level: 1, name: run }).waitFor({ timeout: slowMs });
  };

  beforeAll(async () => {
    await prepare();
    writeFileSync(optionsFile, JSON.stringify(options));
    await makeSample({ folder: pictures, count: 64, seed: 1, size: 64 });
    shell = await open();
  }, 600_000);
  afterAll(async () => {
    await shell?.close();
    await end();
  });

  const button = (label: string | RegExp) => shell.page.getByRole('button', { name: label });
  const status = () => monitorOf(shell.page).status;
  const says = (text: string | RegExp) => monitorOf(shell.page).says(text);
  const chart = (title: string) => monitorOf(shell.page).chart(title);
  const drawn = (title: string) => monitorOf(shell.page).drawn(title);
  const stepOf = () => monitorOf(shell.page).stepOf();
  const checkpoints = () => readdirSync(join(shell.library, 'runs', name, 'checkpoints'));

  test('opens when the run is started, and says how it is prepared', async () => {
    const { page } = shell;
    await page.getByRole('heading', { level: 2, name: 'Pretrain' }).waitFor({ timeout: slowMs });
    await shell.bringFolder(pictures, () => button('Add a folder of pictures').click());
    await page.getByText('64 pictures').first().waitFor({ timeout: slowMs });
    await page.evaluate(() => (location.hash = '#/runs/new'));
    await button('More: copy a run, import, export, undo').click({ timeout: slowMs });
    await shell.openFile(optionsFile, () => page.getByRole('menuitem', { name: 'Import options' }).click());
    await page.getByText(`${Object.keys(options).length} options of tiny.json were taken over.`).waitFor({ timeout: slowMs });
    await page.locator('.gives:not(.old)').waitFor({ timeout: slowMs });
    await expect.poll(() => button('Start').isEnabled(), { timeout: slowMs }).toBe(true);
    name = await page.getByRole('textbox', { name: 'Name of the run', exact: true }).inputValue();
    await page.keyboard.press('Control+Enter');
    await page.waitForURL(/#\/run\//, { timeout: slowMs });
    await page.getByRole('heading', { level: 1, name }).waitFor();
    await says(/Preparing|Training|Measuring/);
  });

  test('draws curves while it trains, and holds still when it is paused', async () => {
    await expect.poll(stepOf, { timeout: slowMs }).toBeGreaterThan(4);
    await button('Pause').and(status().getByRole('button')).click();
    await says('Paused');
    const at = await stepOf();
    await expect.poll(() => drawn('Loss'), { timeout: slowMs }).toBeGreaterThan(3);
    await expect.poll(() => chart('Loss').locator('header').textContent()).toMatch(/total \d+\.\d/);
    await shell.page.waitForTimeout(700);
    expect(await stepOf()).toBe(at);
    expect(checkpoints().length).toBeGreaterThan(0);
  });

  test('shows values under the pointer, zooms all charts at once, by keys too', async () => {
    const { page } = shell;
    await page.getByRole('radio', { name: 'Steps' }).click();
    await page.getByRole('radio', { name: 'So far' }).click();
    const plot = chart('Loss').getByRole('slider');
    await plot.focus();
    await page.keyboard.press('Home');
    expect(await plot.getAttribute('aria-valuetext')).toMatch(/^step 0: total [\d.]+, \[CLS\] [\d.]+, patch [\d.]+$/);
    await page.keyboard.press('End');
    const last = await stepOf();
    await page.keyboard.press('+');
    await page.keyboard.press('Escape');
    const range = (title: string) => chart(title).getByRole('slider').getAttribute('aria-valuemin');
    await expect.poll(() => range('Gradient norm')).not.toBe('0');
    expect(Number(await range('Loss'))).toBeGreaterThanOrEqual(last / 2 - 1);
    await button('Whole run').click();
    await expect.poll(() => range('Gradient norm')).toBe('0');
    const box = (await plot.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2, { steps: 4 });
    await page.mouse.up();
    await expect.poll(() => range('Weight decay')).not.toBe('0');
    await page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
    await expect.poll(() => range('Weight decay')).toBe('0');
    await page.getByRole('radio', { name: 'Epochs' }).click();
  });

  test('can be read by everybody, in dark and light and in a small window', async () => {
    const { page } = shell;
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('monitor-dark');
    await page.evaluate(() => (document.documentElement.dataset.theme = 'light'));
    await page.waitForTimeout(400);
    await shell.screenshot('monitor-light');
    await shell.resize(1024, 700);
    await page.waitForTimeout(400);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('monitor-small');
    await shell.resize(1440, 900);
    await page.evaluate(() => (document.documentElement.dataset.theme = 'dark'));
  }, 240_000);

  test('goes on, saves when asked, and stops with all that it did', async () => {
    const { page } = shell;
    await status().getByRole('button', { name: 'Go on' }).click();
    await says(/Training|Measuring/);
    await button('Save a checkpoint now').click();
    await page.getByRole('status').filter({ hasText: /Step [\d,]+ is saved/ }).first().waitFor({ timeout: slowMs });
    await page.locator('main').getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Stop without saving' }).click();
    await page.getByRole('dialog').getByText(/would be lost|Everything is saved/).waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Stop and save' }).click();
    await says('Stopped');
    expect(await stepOf()).toBeGreaterThan(4);
  });

  test('goes on from there to its end', async () => {
    await status().getByRole('button', { name: 'Go on' }).click();
    await says('Done');
    await expect.poll(() => chart('k-NN accuracy').getByText(/teacher \d/).count(), { timeout: slowMs }).toBe(1);
    await button('Log').click();
    await shell.page.getByRole('log', { name: 'Lines of the log' }).getByText(/Finished|finished/).first().waitFor({ timeout: slowMs });
  });

  test('shows what the teacher sees, and saw before', async () => {
    const { page } = shell;
    const panel = page.getByRole('complementary', { name: 'What the teacher sees' });
    const slider = panel.getByRole('slider', { name: 'Moment that is shown' });
    await slider.waitFor({ timeout: slowMs });
    const colours = () => panel.locator('button canvas').nth(2).evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
    await expect.poll(() => slider.getAttribute('aria-valuetext')).toContain('latest');
    const now = await colours();
    await slider.focus();
    await page.keyboard.press('Home');
    await expect.poll(() => slider.getAttribute('aria-valuetext')).toBe('Untrained');
    await expect.poll(colours).not.toBe(now);
    await shell.screenshot('monitor-back-in-time');
    await page.keyboard.press('End');
    await expect.poll(colours).toBe(now);
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('monitor-done');
    expect(shell.problems).toEqual([]);
  });

  test('tells what failed where, and leads to a new run that does better', async () => {
    const { page } = shell;
    await once(await trainByCommand('too steep', { lr: 1e12, clip_grad: 0, warmup_epochs: 0 }), 'close');
    await show('too steep');
    await says('Failed');
    await page.getByRole('alert').filter({ hasText: 'A value was not finite at step' }).waitFor({ timeout: slowMs });
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('monitor-failed');
    await page.getByRole('listitem').filter({ hasText: 'gradients clipped at 3' }).getByRole('button', { name: 'Set it up' }).click();
    await page.getByRole('heading', { level: 1, name: 'New run' }).waitFor();
    await page.getByLabel('Search the options').fill('clip_grad', { timeout: slowMs });
    await expect.poll(() => page.locator('.option input').first().inputValue(), { timeout: slowMs }).toBe('3');
  });

  test('watches a run of the command line, and can go on with it when that ended without a word', async () => {
    const command = await trainByCommand('elsewhere', { epochs: 5000 });
    try {
      await expect.poll(() => shell.page.evaluate(() => document.body.textContent), { timeout: slowMs }).toContain('elsewhere');
      await show('elsewhere');
      await says('trained at the command line');
      await expect.poll(stepOf, { timeout: slowMs }).toBeGreaterThan(10);
      expect(await status().getByRole('button').count()).toBe(0);
      await shell.screenshot('monitor-foreign');
    } finally {
      command.kill('SIGKILL');
    }
    await says('Interrupted');
    expect(await status().getByRole('button', { name: 'Go on' }).isEnabled()).toBe(true);
    expect(shell.problems).toEqual([]);
  });
});
