import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder';
import { ask } from './support/engine-port';
import { endDisplay, launch, prepare, type LaunchedApp } from './support/launch';
import { allGone, familyOf } from './support/processes';
import { addDataset, becomes, drawPictures, reach, runOf, startRun } from './support/small-run';
import { slowMs } from './support/until';

describe('closing the window while a run is going', { timeout: 4 * slowMs }, () => {
  let shell: LaunchedApp;

  beforeAll(async () => {
    await prepare();
    const pictures = join(temporaryFolder(), 'pictures');
    await drawPictures(pictures);
    shell = await launch();
    await startRun(shell.page, 'going', await addDataset(shell.page, pictures));
    await reach(shell.page, 'going', 3);
  }, 600_000);
  afterAll(async () => {
    await shell?.close();
    endDisplay();
  });

  const bar = () => shell.page.locator('.statusbar');
  const dialog = () => shell.page.getByRole('dialog', { name: 'A run is going on' });
  const close = () => shell.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.close());
  const isVisible = () => shell.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.isVisible());
  const family = () => familyOf(shell.app.process().pid!);
  const reopen = async () => (shell = await launch({ from: shell }));

  /** Chooses by key and presses; resolves when nothing of the program is left. */
  async function endBy(key: 'p' | 'c', button: string): Promise<void> {
    const before = family();
    await close();
    await dialog().waitFor();
    await shell.page.keyboard.press(key);
    await dialog().getByRole('button', { name: button }).click();
    await allGone(before);
  }

  test('asks, by the close button and by quitting alike, and goes back on Escape', async () => {
    for (const ask of [close, () => shell.app.evaluate(({ app }) => app.quit())]) {
      await ask();
      await dialog().getByText(/^going is \d+% done/).waitFor();
      await dialog().getByRole('radio', { name: /Keep running in the tray/, checked: true }).waitFor();
      await shell.page.keyboard.press('ArrowDown');
      await dialog().getByRole('button', { name: 'Pause and save' }).waitFor();
      expect(await shell.barriers()).toEqual([]);
      await shell.screenshot('hard-closing');
      await shell.page.keyboard.press('Escape');
      await dialog().waitFor({ state: 'detached' });
    }
    await reach(shell.page, 'going', (await runOf(shell.page, 'going')).step + 3);
  });

  test('keeps it running without a window, until the program is started a second time', async () => {
    await close();
    await dialog().waitFor();
    await shell.page.keyboard.press('k');
    await dialog().getByRole('button', { name: 'Keep running' }).click();
    await expect.poll(isVisible).toBe(false);
    const { step } = await runOf(shell.page, 'going');
    await reach(shell.page, 'going', step + 10);
    await expect(launch({ from: shell })).rejects.toThrow();
    await expect.poll(isVisible, { timeout: slowMs }).toBe(true);
    expect(await shell.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
    expect((await runOf(shell.page, 'going')).state).toBe('running');
    expect(shell.problems).toEqual([]);
  });

  test('pauses and saves, and it goes on from there when somebody says so', async () => {
    const { step } = await runOf(shell.page, 'going');
    await endBy('p', 'Pause and save');
    await reopen();
    const paused = await becomes(shell.page, 'going', 'paused');
    const { saved } = await ask(shell.page, 'runs.get', { run: 'going' });
    expect(saved.at(-1)!.step).toBe(paused.step);
    expect(paused.step).toBeGreaterThanOrEqual(step);
    await bar().getByText('paused', { exact: true }).waitFor();
    await shell.screenshot('hard-paused-after-start');
    await bar().getByRole('button', { name: 'Go on' }).click();
    await reach(shell.page, 'going', paused.step + 5);
  });

  test('asks for nothing while it is paused, and leaves it paused', async () => {
    await bar().getByRole('button', { name: 'Pause' }).click();
    await bar().getByText('paused', { exact: true }).waitFor({ timeout: slowMs });
    const { step } = await becomes(shell.page, 'going', 'paused');
    const before = family();
    await close();
    await allGone(before);
    await reopen();
    expect(await becomes(shell.page, 'going', 'paused')).toMatchObject({ step });
    await bar().getByRole('button', { name: 'Go on' }).click();
    await reach(shell.page, 'going', step + 5);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('by %s saves it, and it goes on by itself with the next start', async (signal) => {
    const step = await reach(shell.page, 'going', (await runOf(shell.page, 'going')).step + 3);
    const before = family();
    shell.app.process().kill(signal);
    await allGone(before);
    await reopen();
    await becomes(shell.page, 'going', 'running');
    const { saved } = await ask(shell.page, 'runs.get', { run: 'going' });
    await reach(shell.page, 'going', saved.at(-1)!.step + 3);
    expect(saved.at(-1)!.step).toBeGreaterThanOrEqual(step);
  });

  test('cancels it, always if that is wished, with the checkpoints that were saved', async () => {
    const saved = await ask(shell.page, 'runs.save', { run: 'going' });
    await reach(shell.page, 'going', saved.step + 5);
    const before = family();
    await close();
    await shell.page.getByRole('checkbox', { name: 'Do this always' }).click();
    await shell.page.keyboard.press('c');
    await dialog().getByRole('button', { name: 'Cancel the run' }).click();
    await allGone(before);
    await reopen();
    await becomes(shell.page, 'going', 'stopped');
    expect((await ask(shell.page, 'runs.get', { run: 'going' })).saved.at(-1)!.step).toBe(saved.step);
    await ask(shell.page, 'runs.continue', { run: 'going' });
    await reach(shell.page, 'going', saved.step + 5);
    const again = family();
    await close();
    await allGone(again);
    await reopen();
    await becomes(shell.page, 'going', 'stopped');
    expect(shell.problems).toEqual([]);
  });
});
