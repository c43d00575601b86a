import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder';
import { ask } from './support/engine-port';
import { endDisplay, launch, prepare, type LaunchedApp } from './support/launch';
import { addDataset, becomes, drawPictures, reach, startRun } from './support/small-run';
import { slowMs } from './support/until';

describe('training on a folder', { timeout: 4 * slowMs }, () => {
  let shell: LaunchedApp;
  let dataset: string;
  const folder = join(temporaryFolder(), 'herbarium');
  const elsewhere = `${folder} on another disk`;
  const gone = `The pictures of this run are not at ${folder} any more: put them back to go on.`;
  const drawn = 48;

  beforeAll(async () => {
    await prepare();
    await drawPictures(folder, drawn);
    const good = readFileSync(picturesIn(folder)[0]!);
    mkdirSync(join(folder, 'broken'));
    writeFileSync(join(folder, 'broken', 'cut.jpg'), good.subarray(0, good.length / 3));
    writeFileSync(join(folder, 'broken', 'page.jpg'), '<!doctype html><title>404</title>');
    writeFileSync(join(folder, 'broken', 'empty.png'), '');
    shell = await launch();
    dataset = await addDataset(shell.page, folder);
  }, 600_000);
  afterAll(async () => {
    await shell?.close();
    endDisplay();
  });

  const go = (address: string) => shell.page.evaluate((hash) => (location.hash = hash), `#/${address}`);
  const reopen = async () => {
    await shell.close();
    shell = await launch({ from: shell });
  };

  test('leaves out what cannot be read, lists each with its reason, and goes on without them', async () => {
    const { page } = shell;
    await startRun(page, 'with-broken', dataset, { epochs: 4 });
    const done = await becomes(page, 'with-broken', 'finished');
    expect(done.step).toBe(done.steps);
    const { trainingPictures, heldOutPictures } = await ask(page, 'runs.get', { run: 'with-broken' });
    expect(trainingPictures + heldOutPictures).toBe(drawn);
    await go(`data/${dataset}/problems`);
    for (const name of ['cut.jpg', 'page.jpg', 'empty.png']) await page.getByRole('row', { name }).waitFor({ timeout: slowMs });
    await shell.screenshot('hard-broken-pictures');
  });

  test('puts others in the place of pictures that break meanwhile, warns, and lists them too', async () => {
    const { page } = shell;
    await ask(page, 'queue.hold', { held: true });
    await startRun(page, 'breaking', dataset, { epochs: 40 });
    const victim = picturesIn(folder).at(-1)!;
    const whole = readFileSync(victim);
    writeFileSync(victim, 'no picture any more');
    await ask(page, 'queue.hold', { held: false });
    await becomes(page, 'breaking', 'finished');
    const { badPictures } = await ask(page, 'runs.get', { run: 'breaking' });
    // Three were known before it began.
    expect(badPictures).toHaveLength(4);
    expect(badPictures.find(({ path }) => join(folder, path) === victim)!.reason).not.toBe('');
    await page.locator('.statusbar').getByRole('button', { name: /^\d warnings?$/ }).click();
    await page.getByText('Pictures could not be read.').first().waitFor();
    await shell.screenshot('hard-picture-broke-meanwhile');
    await page.getByRole('button', { name: 'Show the files' }).first().click();
    await page.getByRole('row', { name: victim.split('/').at(-1)! }).waitFor({ timeout: slowMs });
    writeFileSync(victim, whole);
  });

  test('that is moved meanwhile ends with a sentence and all that was computed, and goes on when it is back', async () => {
    const { page } = shell;
    // Measuring reads pictures at the end of epochs; such small ones are in memory after the first.
    await startRun(page, 'moved', dataset, { epochs: 60, knn_every: 2 });
    await reach(page, 'moved', 1);
    await page.locator('.statusbar').getByRole('button', { name: 'Pause' }).click();
    await becomes(page, 'moved', 'paused');
    renameSync(folder, elsewhere);
    await page.locator('.statusbar').getByRole('button', { name: 'Go on' }).click();
    const { reason, step } = await becomes(page, 'moved', 'failed');
    expect(reason).toBe(gone);
    expect((await ask(page, 'runs.get', { run: 'moved' })).saved.at(-1)!.step).toBe(step);
    await page.locator('.statusbar').getByRole('button', { name: /^\d warnings?$/ }).click();
    await page.getByText(gone).first().waitFor();
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('hard-folder-moved-warning');
    await page.keyboard.press('Escape');
  });

  test('that is gone when the program starts is said at once, with what is known of it', async () => {
    await reopen();
    const { page } = shell;
    await go(`data/${dataset}`);
    await page.getByText('The folder is not there.').waitFor({ timeout: slowMs });
    await page.waitForFunction(() => [...document.querySelectorAll<HTMLImageElement>('[role=option] img')].some((image) => image.naturalWidth > 0));
    await shell.screenshot('hard-folder-gone-at-start');
    await expect(startRun(page, 'none', dataset)).rejects.toThrow(`(${folder}): put it back, or say where it is now.`);
    await ask(page, 'runs.continue', { run: 'moved' });
    await page.locator('.statusbar').getByRole('button', { name: /^\d warnings?$/ }).click({ timeout: slowMs });
    await page.getByText(gone).first().waitFor({ timeout: slowMs });
    await page.keyboard.press('Escape');
  });

  test('that is back is trained on from where it was', async () => {
    const { page } = shell;
    renameSync(elsewhere, folder);
    await page.getByRole('button', { name: 'Look again' }).click();
    await page.getByText('The folder is not there.').waitFor({ state: 'detached', timeout: slowMs });
    await ask(page, 'runs.continue', { run: 'moved' });
    await becomes(page, 'moved', 'finished');
    const { problems } = await ask(page, 'problems.list', { dataset, from: 0, count: 100 });
    // No picture is blamed for having been away.
    expect(problems.filter(({ done }) => done === 'left-out').map(({ path }) => path)).toEqual(['broken/cut.jpg', 'broken/page.jpg', 'broken/empty.png']);
    expect(shell.problems).toEqual([]);
  });
});

/** Of the classes' folders. */
function picturesIn(folder: string): string[] {
  const classes = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'broken');
  return classes.flatMap(({ name }) => readdirSync(join(folder, name)).map((file) => join(folder, name, file)));
}
