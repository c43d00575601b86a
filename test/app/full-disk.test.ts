import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder';
import { ask } from './support/engine-port';
import { endDisplay, launch, prepare, type LaunchedApp } from './support/launch';
import { addDataset, becomes, drawPictures, reach, runOf, startRun } from './support/small-run';
import { slowMs } from './support/until';

const disk = join(temporaryFolder(), 'small disk');
const mounted = mountDisk(disk, '96m');

/** A disk of its own for the library, which can be filled; this needs root. */
function mountDisk(folder: string, size: string): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  mkdirSync(folder);
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]).status === 0;
}

// Skipped where no small disk can be made: that needs root, and a system that lets root mount.
describe.skipIf(!mounted)('a library on a disk that is full', { timeout: 4 * slowMs }, () => {
  let shell: LaunchedApp;
  let dataset: string;
  const library = join(disk, 'library');
  const ballast = join(disk, 'ballast');

  beforeAll(async () => {
    await prepare();
    const pictures = join(temporaryFolder(), 'pictures');
    await drawPictures(pictures);
    shell = await launch({ from: { library, userData: join(temporaryFolder(), 'profile') }, theme: 'dark' });
    dataset = await addDataset(shell.page, pictures);
    await startRun(shell.page, 'tight', dataset, { checkpoint_every: 20 });
  }, 600_000);
  afterAll(async () => {
    await shell?.close();
    endDisplay();
    if (mounted) spawnSync('umount', ['-l', disk]);
  });

  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(disk);
    return bavail * bsize;
  };
  /** To the last byte, whatever is written meanwhile. */
  const fillUp = () => expect(() => writeFileSync(ballast, Buffer.alloc(freeBytes() + 1e6))).toThrow('ENOSPC');
  const fill = (leave: number) => writeFileSync(ballast, Buffer.alloc(freeBytes() - leave));
  const openWarnings = () => shell.page.locator('.statusbar').getByRole('button', { name: /^\d+ warnings?$/ }).click({ timeout: slowMs });

  test('stops the run with a sentence before a checkpoint that would not fit, and the last one is sound', async () => {
    const { page } = shell;
    const saved = await ask(page, 'runs.save', { run: 'tight' });
    fill(8e6);
    await expect(ask(page, 'runs.save', { run: 'tight' })).rejects.toThrow(/^The disk of .* free some space/);
    const failed = await becomes(page, 'tight', 'failed');
    expect(failed.reason).toMatch(/^The disk of .* has 8 MB left and a checkpoint needs \d+ MB: free some space, then continue the run/);
    await openWarnings();
    await page.getByText('tight stopped.').first().waitFor();
    await page.getByText(/has 8 MB left and a checkpoint needs/).first().waitFor();
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('hard-disk-full');
    expect((await ask(page, 'runs.get', { run: 'tight' })).saved.map(({ step }) => step)).toContain(saved.step);
  });

  test('goes on from there once there is room, with one press', async () => {
    const { page } = shell;
    rmSync(ballast);
    const { saved, step } = await ask(page, 'runs.get', { run: 'tight' });
    await page.getByRole('button', { name: 'Go on', exact: true }).first().click();
    await page.keyboard.press('Escape');
    await reach(page, 'tight', step + 5);
    expect((await runOf(page, 'tight')).state).toBe('running');
    expect((await ask(page, 'runs.save', { run: 'tight' })).step).toBeGreaterThan(saved.at(-1)!.step);
    await ask(page, 'runs.stop', { run: 'tight', save: true });
  });

  test('says so when the run cannot be saved before the program is closed as always, and nothing ends', async () => {
    const { page } = shell;
    // It saves when it is asked to, and otherwise not.
    await startRun(page, 'quiet', dataset);
    await reach(page, 'quiet', 3);
    await page.keyboard.press('Control+,');
    await page.getByLabel('What closing the window does while a run is going').click();
    await page.getByRole('option', { name: 'Pause and save' }).click();
    await page.keyboard.press('Escape');
    fill(8e6);
    await shell.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.close());
    const dialog = page.getByRole('dialog', { name: 'A run is going on' });
    await dialog.getByText(/has 8 MB left and a checkpoint needs/).waitFor({ timeout: slowMs });
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('hard-disk-full-closing');
    await page.keyboard.press('Escape');
    rmSync(ballast);
    await reach(page, 'quiet', (await runOf(page, 'quiet')).step + 3);
  });

  test('stops it without a word to be written, tells why all the same, and damages nothing', async () => {
    const { page } = shell;
    const saved = await ask(page, 'runs.save', { run: 'quiet' });
    fillUp();
    const failed = await becomes(page, 'quiet', 'failed');
    expect(failed.reason).toMatch(/The disk is full|has 0 MB left/);
    await shell.screenshot('hard-disk-full-to-the-last-byte');
    rmSync(ballast);
    // What is over leaves the queue as soon as that can be written.
    await expect.poll(async () => (await ask(page, 'queue.get', {})).jobs, { timeout: slowMs }).toEqual([]);
    await ask(page, 'runs.continue', { run: 'quiet' });
    await reach(page, 'quiet', saved.step + 3);
    expect(shell.problems).toEqual([]);
  });
});
