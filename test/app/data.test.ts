import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeSample } from '../../src/engine/data/sample';
import { temporaryFolder } from '../support/temporary-folder';
import { someKinds } from './support/kinds';
import type { ProgramWindow } from './support/program-window';

const limitMs = 60_000;

describe.each(someKinds)('the pictures of a dataset, in $kind', ({ prepare, open, end }) => {
  let shell: ProgramWindow;
  const folder = join(temporaryFolder(), 'field guide');
  const drawn = 48;
  let firstClass = '';

  beforeAll(async () => {
    await prepare();
    await makeSample({ folder, count: drawn, seed: 1, size: 96 });
    const classes = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    firstClass = classes[0]!.name;
    const [one, other] = readdirSync(join(folder, firstClass));
    const whole = readFileSync(join(folder, firstClass, one!));
    // A copy, one that ends too early, and one that is no picture.
    copyFileSync(join(folder, firstClass, one!), join(folder, classes[1]!.name, 'a copy.jpg'));
    const large = await sharp(whole).resize(800).jpeg().toBuffer();
    writeFileSync(join(folder, firstClass, 'cut.jpg'), large.subarray(0, large.length / 2));
    writeFileSync(join(folder, firstClass, 'page.jpg'), '<!doctype html><title>404</title>');
    writeFileSync(join(folder, 'labels.csv'), `path,label,place\n${firstClass}/${one},rare,shore\n${firstClass}/${other},rare,meadow\n`);
    shell = await open();
  }, 600_000);
  afterAll(async () => {
    await shell?.close();
    await end();
  });

  const tab = (name: string) => shell.page.getByRole('navigation', { name: 'Of this dataset' }).getByRole('link', { name }).click();
  const count = (text: string) => shell.page.locator('.bar .b', { hasText: text }).waitFor({ timeout: limitMs });
  const toast = (text: string | RegExp) => shell.page.getByRole('status').filter({ hasText: text }).first().waitFor({ timeout: limitMs });
  /** Of the picture in the inspector. */
  const shownPath = () => shell.page.locator('aside.inspector .mono.dim').textContent();

  test('are read from a folder that is dropped or picked, with classes, and shown with their thumbnails', async () => {
    await shell.page.evaluate(() => (location.hash = '#/data'));
    await shell.page.getByText('No pictures yet').waitFor({ timeout: limitMs });
    await shell.bringFolder(folder, () => shell.page.getByRole('button', { name: 'Add a folder of pictures' }).click());
    await shell.page.getByRole('heading', { level: 1, name: 'field guide' }).waitFor({ timeout: limitMs });
    await count(`${drawn + 1} pictures`);
    await shell.page.waitForFunction(() => !document.querySelector('.strip'), null, { timeout: limitMs });
    await shell.page.waitForFunction(
      () => [...document.querySelectorAll<HTMLImageElement>('[role=option] img')].filter((image) => image.naturalWidth > 0).length > 20,
      null,
      { timeout: limitMs },
    );
    await shell.screenshot('data-grid-dark');
  });

  test('are narrowed by class and by path', async () => {
    const { page } = shell;
    await page.getByRole('button', { name: firstClass, exact: true }).click();
    const some = await page.getByRole('option').count();
    expect(some).toBeLessThan(drawn);
    await expect.poll(() => page.getByRole('option').count()).toBe(3);
    await page.getByRole('button', { name: /^All \d+$/ }).click();
    await page.getByRole('searchbox', { name: 'Path contains' }).fill('a COPY');
    await count('1 picture');
    await page.getByRole('button', { name: 'Clear all filters' }).click();
    await count(`${drawn + 1} pictures`);
  });

  test('are found by their path from every view, in the palette', async () => {
    const { page } = shell;
    await page.evaluate(() => (location.hash = '#/home'));
    await page.keyboard.press('Control+k');
    await page.keyboard.type('a COPY');
    const found = page.getByRole('dialog').getByRole('option', { name: 'a copy.jpg' });
    await found.waitFor({ timeout: limitMs });
    await shell.screenshot('data-palette-dark');
    await found.click();
    await expect.poll(shownPath, { timeout: limitMs }).toContain('a copy.jpg');
    await page.keyboard.press('Escape');
  });

  test('are selected with the pointer, with a box and by keyboard', async () => {
    const { page } = shell;
    const cells = page.getByRole('option');
    await cells.nth(0).click();
    await cells.nth(3).click({ modifiers: ['Shift'] });
    await page.getByText('4 pictures selected').waitFor();
    await cells.nth(1).click({ modifiers: ['Control'] });
    await page.getByText('3 pictures selected').waitFor();
    const [from, to] = [(await cells.nth(0).boundingBox())!, (await cells.nth(2).boundingBox())!];
    await page.mouse.move(from.x + 20, from.y + 20);
    await page.mouse.down();
    await page.mouse.move(to.x + 20, to.y + 30, { steps: 3 });
    await page.mouse.up();
    await page.getByText('3 pictures selected').waitFor();
    await page.keyboard.press('Home');
    await page.keyboard.press('Shift+ArrowRight');
    await page.getByText('2 pictures selected').waitFor();
    await page.keyboard.press('Control+a');
    await page.getByText(`${drawn + 1} pictures selected`).waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByText('pictures selected').count()).toBe(0);
  });

  test('are coloured by their class, with a legend', async () => {
    const { page } = shell;
    await page.getByRole('combobox', { name: 'Colour by' }).click();
    await page.getByRole('option', { name: 'class', exact: true }).click();
    await page.getByRole('list', { name: 'Colours by class' }).getByText(firstClass, { exact: true }).waitFor({ timeout: limitMs });
    const colours = () =>
      page.locator('[data-place] .mark').evaluateAll((marks) => marks.map((mark) => getComputedStyle(mark).backgroundColor));
    await expect.poll(async () => new Set(await colours()).size).toBeGreaterThan(2);
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('data-colours-dark');
  });

  test('are left out, and taken in again by undoing', async () => {
    await shell.page.getByRole('option').nth(2).click();
    await shell.page.getByRole('button', { name: 'Leave out' }).click();
    await count(`${drawn} pictures`);
    await shell.page.keyboard.press('Control+z');
    await count(`${drawn + 1} pictures`);
  });

  test('are looked at closely, one after the other', async () => {
    const { page } = shell;
    await page.getByRole('option').nth(4).dblclick();
    const detail = page.locator('.detail');
    await detail.getByText('5 of 49').waitFor();
    await page.keyboard.press('ArrowRight');
    await detail.getByText('6 of 49').waitFor();
    await page.waitForFunction(() => [...document.querySelectorAll<HTMLImageElement>('.detail .sheet img')].every((image) => image.naturalWidth > 0));
    await page.keyboard.press('1');
    await detail.getByText('100%').waitFor();
    await shell.screenshot('data-detail');
    expect(await shell.barriers()).toEqual([]);
    await page.keyboard.press('Escape');
    await detail.waitFor({ state: 'detached' });
    expect(await shownPath()).toMatch(/\.jpg$/);
  });

  test('take their labels from a table, and what else it has to filter by', async () => {
    const { page } = shell;
    await page.getByRole('button', { name: 'Actions and other datasets' }).click();
    await page.getByRole('menuitem', { name: 'Labels' }).click();
    await page.getByRole('radio', { name: 'A table (CSV)' }).click();
    await page.getByRole('textbox', { name: 'File' }).fill(join(folder, 'labels.csv'));
    await page.getByRole('button', { name: 'Use these labels' }).click();
    await toast('2 pictures labelled, 1 class.');
    await page.getByRole('button', { name: /^place/ }).click();
    await page.getByRole('checkbox', { name: 'shore' }).click();
    await count('1 picture');
    await page.getByRole('button', { name: 'Clear all filters' }).click();
    await page.getByRole('combobox', { name: 'Colour by' }).click();
    await page.getByRole('option', { name: 'place', exact: true }).click();
    const legend = page.getByRole('list', { name: 'Colours by place' });
    await legend.getByText('meadow', { exact: true }).waitFor({ timeout: limitMs });
    await page.getByRole('option', { name: /\.jpg, shore$/ }).waitFor({ timeout: limitMs });
    await page.keyboard.press('Control+z');
    await toast('Taken back');
    await legend.waitFor({ state: 'detached', timeout: limitMs });
  });

  test('that cannot be read are listed with the reason and what could be read of them', async () => {
    const { page } = shell;
    await tab('Problems');
    await page.getByRole('row', { name: /cut\.jpg/ }).click();
    await page.getByText('What could be read: the upper').waitFor();
    await page.getByText('A web page saved as .jpg').waitFor();
    await shell.screenshot('data-problems-dark');
    expect(await shell.barriers()).toEqual([]);
  });

  test('that are there twice are found, and left out with one press', async () => {
    const { page } = shell;
    await tab('Duplicates');
    await page.getByRole('button', { name: 'Look for duplicates' }).click();
    const copy = page.getByRole('button', { name: 'Compare a copy.jpg' });
    await copy.waitFor({ timeout: limitMs });
    await copy.click();
    await page.getByText('0 of 64 bits differ').waitFor();
    await shell.screenshot('data-duplicates-dark');
    expect(await shell.barriers()).toEqual([]);
    await page.getByRole('button', { name: /^Leave out \d+ picture/ }).click();
    await toast('left out. No file is touched.');
    await page.keyboard.press('Control+z');
    await toast('Taken back');
  });

  test('are counted and measured as a whole', async () => {
    await tab('Statistics');
    await shell.page.getByText('ImageNet mean').waitFor({ timeout: limitMs });
    await shell.page.getByRole('img', { name: `Mean of ${firstClass}` }).waitFor({ timeout: limitMs });
    await shell.screenshot('data-statistics-dark');
    expect(await shell.barriers()).toEqual([]);
  });

  test('stay to be seen when their folder goes away, and are read again where it went', async () => {
    const { page } = shell;
    renameSync(folder, `${folder} moved`);
    mkdirSync(join(folder, '..', 'elsewhere'), { recursive: true });
    await page.getByText('The folder is not there.').waitFor({ timeout: limitMs });
    await tab('Grid');
    await shell.screenshot('data-gone');
    renameSync(`${folder} moved`, folder);
    await page.getByRole('button', { name: 'Look again' }).click();
    await page.getByText('The folder is not there.').waitFor({ state: 'detached', timeout: limitMs });
  });

  test('are shown to everybody, in light too, and in a small window', async () => {
    const { page } = shell;
    await page.evaluate(() => (document.documentElement.dataset.theme = 'light'));
    await page.getByRole('option').nth(1).click();
    await shell.screenshot('data-grid-light');
    expect(await shell.barriers()).toEqual([]);
    await shell.resize(1024, 700);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    await shell.screenshot('data-grid-small');
  });

  test('are forgotten when the dataset is removed, and their files stay', async () => {
    const { page } = shell;
    await page.getByRole('button', { name: 'Actions and other datasets' }).click();
    await page.getByRole('menuitem', { name: 'Remove' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByText('No pictures yet').waitFor({ timeout: limitMs });
    expect(readdirSync(join(folder, firstClass))).toContain('cut.jpg');
  });

  test('leave nothing in the console', () => {
    expect(shell.problems).toEqual([]);
  });
});
