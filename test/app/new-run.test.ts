import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder';
import { root } from '../../scripts/set-up.mjs';
import { someKinds } from './support/kinds';
import { newRunForm } from './support/new-run-form';
import type { ProgramWindow } from './support/program-window';
import { slowMs } from './support/until';

describe.each(someKinds)('Home and New run, in $kind', ({ prepare, open, end }) => {
  let shell: ProgramWindow;
  const pictures = join(temporaryFolder(), 'drawn');

  beforeAll(async () => {
    await prepare();
    execFileSync(process.execPath, [join(root, 'out', 'engine', 'main.js'), 'sample', pictures, '--count', '96', '--size', '64']);
    shell = await open();
  }, 600_000);
  afterAll(async () => {
    await shell?.close();
    await end();
  });

  const button = (name: string | RegExp) => shell.page.getByRole('button', { name });
  const form = () => newRunForm(shell.page);

  test('leads through three steps, and takes pictures where one is', async () => {
    await shell.page.getByRole('heading', { level: 2, name: 'Pretrain' }).waitFor({ timeout: slowMs });
    await shell.page.getByText('Waits for pictures.').waitFor();
    expect(await button('Start').isDisabled()).toBe(true);
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('home-first-dark');
    await shell.bringFolder(pictures, () => button('Add a folder of pictures').click());
    await shell.page.getByText('96 pictures, 16 classes').waitFor({ timeout: slowMs });
    await shell.page.getByText(/times over \d+ pictures|too little time/).waitFor({ timeout: slowMs });
    expect(await shell.page.locator('.covers img').first().evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth))).toBeGreaterThan(0);
    expect(await button('Start').isEnabled()).toBe(true);
    await shell.screenshot('home-pictures-dark');
  });

  test('shows what student and teacher will see, and draws again on Space', async () => {
    await shell.page.getByRole('link', { name: 'Choose every option' }).click();
    await shell.page.getByRole('img', { name: 'Crop 1 as the student sees it' }).waitFor({ timeout: slowMs });
    const boxes = () => shell.page.locator('.whole svg').innerHTML();
    const before = await boxes();
    await shell.page.locator('h1').click();
    await shell.page.keyboard.press('Space');
    await expect.poll(boxes, { timeout: slowMs }).not.toBe(before);
    expect(await shell.page.getByText('Memory of the device').count()).toBe(1);
    expect(await shell.page.getByText('Why these choices').count()).toBe(1);
    expect(await shell.barriers()).toEqual([]);
  });

  test('finds options by the names of the original, other names too', async () => {
    await form().search('saveckp_freq');
    expect(await shell.page.locator('.option .title').allTextContents()).toEqual(['Keep for good every']);
    await form().search('pred_ratio_var');
    expect(await shell.page.locator('.option .mono').allTextContents()).toContainEqual(expect.stringContaining('--pred_ratio_var'));
    await form().search('');
  });

  test('shows it again to who comes back', async () => {
    await shell.page.getByRole('link', { name: 'Home' }).click();
    await shell.page.getByRole('link', { name: 'Choose every option' }).click();
    await shell.page.getByRole('img', { name: 'Crop 1 as the student sees it' }).waitFor({ timeout: slowMs });
  });

  test('says at once what is impossible, and offers ways out', async () => {
    await form().set('Global crop size', '33');
    const problem = shell.page.getByRole('alert').filter({ hasText: 'is not a multiple of' });
    await problem.waitFor({ timeout: slowMs });
    await button('1 thing to settle').waitFor();
    expect(await button('Start').isDisabled()).toBe(true);
    await form().settled();
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('new-run-problem-dark');
    await problem.getByRole('button').first().click();
    await problem.waitFor({ state: 'detached', timeout: slowMs });
    expect(await form().field('Global crop size').inputValue()).toBe('32');
    await shell.page.locator('h1').click();
    await shell.page.keyboard.press('Control+z');
    await problem.waitFor({ timeout: slowMs });
    await problem.getByRole('button').first().click();
    await problem.waitFor({ state: 'detached', timeout: slowMs });
  });

  test('marks what is set by hand, and takes it back', async () => {
    await form().set('Local crops', '3');
    await shell.page.getByText('2 options set by hand').waitFor();
    await button('Back to what it was: Local crops').click();
    await shell.page.getByText('1 option set by hand').waitFor();
    await form().set('Local crops', '0');
  });

  test('copies the command that makes the same run', async () => {
    await button(/^Model/).and(shell.page.locator('h3 button')).click();
    await form().set('Blocks', '2');
    await form().search('epochs');
    await form().set('Epochs', '2');
    await form().search('');
    await form().settled();
    await expect.poll(() => button('Start').isEnabled(), { timeout: slowMs }).toBe(true);
    await button('Copy command').click();
    const clipboard = () => shell.copied();
    // There is a space in the path, so a shell needs it quoted.
    await expect.poll(clipboard, { timeout: slowMs }).toContain(` train '${pictures}' --out '`);
    const copied = await clipboard();
    expect(copied).toMatch(/--depth 2\b/);
    expect(copied).toMatch(/--epochs 2\b/);
  });

  test('starts: the run is in the list with these options, its monitor opens, and Home shows it', async () => {
    const name = await form().field('Name of the run').inputValue();
    await shell.page.keyboard.press('Control+Enter');
    await shell.page.waitForURL(/#\/run\//, { timeout: slowMs });
    await expect
      .poll(() => {
        try {
          return (JSON.parse(readFileSync(join(shell.library, 'runs', name, 'run.json'), 'utf8')) as { recipe: object }).recipe;
        } catch {
          return undefined;
        }
      }, { timeout: slowMs })
      .toMatchObject({ depth: 2, epochs: 2, global_crops_size: 32, local_crops_number: 0 });
    await shell.page.getByRole('link', { name: 'Home' }).click();
    await shell.page.getByRole('link', { name }).first().waitFor();
    await button('Skip the steps').or(button('New run')).first().waitFor();
    if (await button('Skip the steps').count()) await button('Skip the steps').click();
    await shell.page.getByRole('row').filter({ hasText: name }).filter({ hasText: 'Done' }).waitFor({ timeout: 2 * slowMs });
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('home-dark');
  });

  test('begins a new run from the options of one that is there', async () => {
    await shell.page.evaluate(() => (location.hash = '#/runs/new'));
    await button('More: copy a run, import, export, undo').click();
    await shell.page.getByRole('menuitem', { name: 'Everything as at first' }).click();
    await form().settled();
    await button('More: copy a run, import, export, undo').click();
    await shell.page.getByRole('menuitem', { name: 'Copy the options of a run …' }).click();
    await shell.page.getByRole('dialog').getByRole('listitem').first().getByRole('button').click();
    await shell.page.getByText(/copied from .*set by hand/).waitFor({ timeout: slowMs });
    await form().settled();
    expect(await form().field('Blocks').inputValue()).toBe('2');
    await shell.screenshot('new-run-dark');
    expect(shell.problems).toEqual([]);
  });
});
