import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder';
import { ask } from './support/engine-port';
import { endDisplay, launch, prepare, type LaunchedApp } from './support/launch';
import { addDataset, becomes, drawPictures, reach, runOf, startRun } from './support/small-run';
import { slowMs } from './support/until';
import { watchSystem } from './support/watch-system';

describe('of a run, the system', { timeout: 2 * slowMs }, () => {
  let shell: LaunchedApp;
  let system: Awaited<ReturnType<typeof watchSystem>>;
  let dataset: string;
  const pictures = join(temporaryFolder(), 'pictures');

  beforeAll(async () => {
    await prepare();
    await drawPictures(pictures);
    shell = await launch();
    system = await watchSystem(shell.app);
    dataset = await addDataset(shell.page, pictures);
  }, 600_000);
  afterAll(async () => {
    await shell?.close();
    endDisplay();
  });

  const soon = <T>(value: () => Promise<T>) => expect.poll(value, { timeout: slowMs });
  const settings = (change: Parameters<typeof ask<'desktop.setSettings'>>[2]) => ask(shell.page, 'desktop.setSettings', change);

  test('is kept awake while it computes, and while that is wished', async () => {
    expect(await system.isKeptAwake()).toBe(false);
    await startRun(shell.page, 'going', dataset);
    await reach(shell.page, 'going', 3);
    expect(await system.isKeptAwake()).toBe(true);
    await ask(shell.page, 'runs.pause', { run: 'going' });
    await soon(system.isKeptAwake).toBe(false);
    await ask(shell.page, 'runs.resume', { run: 'going' });
    await soon(system.isKeptAwake).toBe(true);
    await settings({ keepAwake: false });
    await soon(system.isKeptAwake).toBe(false);
    await settings({ keepAwake: true });
    await soon(system.isKeptAwake).toBe(true);
  });

  test('has an icon in the tray while there is no window: it opens that again, and quitting asks first', async () => {
    const isVisible = () => shell.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.isVisible());
    const dialog = shell.page.getByRole('dialog', { name: 'A run is going on' });
    for (const item of ['Open iBOT Workbench', 'Quit …']) {
      expect(await system.tray()).toBeNull();
      await ask(shell.page, 'desktop.close', { choice: 'tray', always: false });
      await soon(isVisible).toBe(false);
      expect(await system.tray()).toEqual(['Open iBOT Workbench', 'Quit …']);
      const { step } = await runOf(shell.page, 'going');
      await reach(shell.page, 'going', step + 5);
      expect(await system.isKeptAwake()).toBe(true);
      await system.clickTray(item);
      await soon(isVisible).toBe(true);
    }
    await dialog.waitFor();
    await shell.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await system.tray()).toBeNull();
    expect((await runOf(shell.page, 'going')).state).toBe('running');
  });

  test('shows its folder', async () => {
    await shell.page.evaluate(() => (location.hash = '#/run/going'));
    await shell.page.locator('main').getByRole('button', { name: 'More', exact: true }).click({ timeout: slowMs });
    await shell.page.getByRole('menuitem', { name: 'Show its folder' }).click();
    await soon(system.shownInFolder).toEqual([join(shell.library, 'runs', 'going')]);
    await shell.page.evaluate(() => (location.hash = '#/data'));
    await shell.page.getByRole('button', { name: /^More about/ }).click({ timeout: slowMs });
    await shell.page.getByRole('menuitem', { name: 'Show in folder' }).click();
    await soon(async () => (await system.shownInFolder()).at(-1)).toBe(pictures);
  });

  test('says when it ends or fails, and a click on that opens it', async () => {
    await ask(shell.page, 'runs.stop', { run: 'going', save: true });
    await soon(system.isKeptAwake).toBe(false);
    // Who stops it by hand knows.
    expect(await system.notifications()).toEqual([]);
    await startRun(shell.page, 'short', dataset, { epochs: 1, warmup_epochs: 0, warmup_teacher_temp_epochs: 0, knn_every: 1 });
    await soon(system.notifications).toEqual([{ title: 'short is done', body: expect.stringMatching(/^1 epoch, [\d.]+% k-NN\.$/) as string }]);
    await startRun(shell.page, 'steep', dataset, { lr: 1e12, clip_grad: 0, warmup_epochs: 0 });
    await soon(async () => (await system.notifications()).length).toBe(2);
    const [, failed] = await system.notifications();
    expect(failed).toMatchObject({ title: 'steep failed', body: expect.stringMatching(/^After step \d+, .* was not a finite number.*\.$/) as string });
    await system.clickNotification('steep failed');
    await shell.page.getByRole('heading', { level: 1, name: 'steep' }).waitFor({ timeout: slowMs });
    await settings({ notifyWhenRunEnds: false });
    await startRun(shell.page, 'quiet', dataset, { epochs: 1, warmup_epochs: 0, warmup_teacher_temp_epochs: 0 });
    await becomes(shell.page, 'quiet', 'finished');
    expect(await system.notifications()).toHaveLength(2);
    expect(shell.problems).toEqual([]);
  });
});
