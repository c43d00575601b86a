import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeSample } from '../../src/engine/data/sample';
import { ibot, writeRecipe } from '../command-line/ibot';
import { temporaryFolder } from '../support/temporary-folder';
import { someKinds } from './support/kinds';
import type { ProgramWindow } from './support/program-window';

/** Software devices take their time, and share their cores with the window. */
const slowMs = 60_000;

describe.each(someKinds)('runs, in $kind', ({ prepare, open, end }) => {
  let shell: ProgramWindow;
  const pictures = join(temporaryFolder(), 'drawn');
  const elsewhere = temporaryFolder();
  const place = temporaryFolder();
  const library = join(place, 'library');
  const trained = ['base-1', 'base-2', 'other'];

  beforeAll(async () => {
    await prepare();
    await makeSample({ folder: pictures, count: 48, seed: 1, size: 48 });
    // By the command line, as a workbench finds them when it begins.
    const config = writeRecipe(place, { epochs: 3, knn_every: 1, teacher_temp: 0.04, checkpoint_every: 1, keep_checkpoints: 4 });
    const train = (folder: string, ...words: string[]) => ibot('train', pictures, '--out', folder, '--preset', 'none', '--config', config, '--panels', ...words);
    for (const words of [['base-1'], ['base-2', '--teacher-temp', '0.06', '--seed', '2'], ['other', '--epochs', '2', '--seed', '3']]) {
      const { status, stderr } = await train(join(library, 'runs', words[0]!), ...words.slice(1));
      expect(status, stderr).toBe(0);
    }
    cpSync(join(library, 'runs', 'other'), join(elsewhere, 'far'), { recursive: true });
    shell = await open({ library });
  }, 600_000);
  afterAll(async () => {
    await shell?.close();
    await end();
  });

  const page = () => shell.page;
  const button = (name: string | RegExp) => page().getByRole('button', { name, exact: typeof name === 'string' });
  const row = (name: string) => page().getByRole('row').filter({ has: page().getByText(name, { exact: true }) });
  const names = () => page().locator('tr.row td:nth-child(2) .m').allTextContents();
  const soon = <T>(value: () => Promise<T>) => expect.poll(value, { timeout: slowMs });
  /** What failed, as the window tells it. */
  const failures = () => page().locator('.toast.error').allTextContents();
  const queued = () => page().getByRole('region', { name: 'Queue' }).locator('li .run').allTextContents();
  const toast = (text: string | RegExp) => page().locator('.toast').filter({ hasText: text }).first();
  const inspector = () => page().locator('aside.inspector');

  test('of the command line are in the list, sorted as somebody wants', async () => {
    await page().evaluate(() => (location.hash = '#/runs'));
    await row('base-1').waitFor({ timeout: slowMs });
    expect((await names()).toSorted()).toEqual(trained);
    await row('base-1').filter({ hasText: 'Done' }).filter({ hasText: /\d%/ }).waitFor();
    await button('Run').click();
    expect(await names()).toEqual(trained);
    await button('Run').click();
    expect(await names()).toEqual(trained.toReversed());
    await button('Created').click();
  });

  test('are walked through by keys, and what is known of them is shown', async () => {
    await button('Run').click();
    await row('base-1').click();
    await inspector().getByText('Result after 3 epochs').waitFor();
    await inspector().getByRole('img', { name: 'Patch colours 1' }).waitFor({ timeout: slowMs });
    await page().keyboard.press('ArrowDown');
    await inspector().getByText('base-2', { exact: true }).waitFor();
    await page().keyboard.press('Shift+ArrowDown');
    await inspector().getByText('2 runs', { exact: true }).waitFor();
    await page().keyboard.press('Control+a');
    await page().getByText('3 runs selected').waitFor();
    await shell.screenshot('runs-several-dark');
    await page().keyboard.press('Escape');
    await page().getByText('No run selected').waitFor();
    expect(await shell.barriers()).toEqual([]);
  });

  test('take tags and notes, and are found by them', async () => {
    await row('base-1').click();
    await inspector().getByRole('button', { name: 'Add a tag' }).click();
    await page().keyboard.type('baseline');
    await page().keyboard.press('Enter');
    await row('base-1').getByText('baseline').waitFor();
    await inspector().getByLabel('Note on base-1').fill('Before the warm-up was changed');
    await page().getByRole('searchbox', { name: 'Search the runs' }).fill('warm-up');
    await soon(names).toEqual(['base-1']);
    await page().getByRole('searchbox', { name: 'Search the runs' }).fill('nothing like that');
    await button('Show all runs').click();
    await button(/^Tag/).click();
    await page().getByRole('checkbox', { name: 'baseline' }).click();
    await soon(names).toEqual(['base-1']);
    await button('All tags').click();
    await page().keyboard.press('Escape');
    await soon(names).toHaveLength(3);
  });

  test('are renamed, but not to a name that is taken', async () => {
    await row('other').click();
    await page().keyboard.press('F2');
    const field = page().getByRole('dialog').getByRole('textbox', { name: 'Name' });
    await field.fill('base-1');
    await field.press('Enter');
    await page().getByText('There is a run named base-1 already').waitFor();
    await field.fill('another');
    await field.press('Enter');
    await row('another').waitFor({ timeout: slowMs });
    expect(await row('other').count()).toBe(0);
    await inspector().getByText('another', { exact: true }).waitFor();
  });

  test('are deleted to the trash, and come back', async () => {
    await row('another').click();
    await page().keyboard.press('Delete');
    await toast('another moved to the trash').waitFor();
    await soon(names).toEqual(['base-1', 'base-2']);
    await toast('another moved').getByRole('button', { name: 'Undo' }).click();
    await row('another').waitFor();
    await row('another').click();
    await page().keyboard.press('Delete');
    await soon(names).toEqual(['base-1', 'base-2']);
    await button('More: add a run folder, trash').click();
    await page().getByRole('menuitem', { name: /^Trash/ }).click();
    const dialog = page().getByRole('dialog', { name: 'Deleted runs' });
    await dialog.getByText('another', { exact: true }).waitFor();
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('runs-trash-dark');
    await dialog.getByRole('button', { name: 'Restore another' }).click();
    await dialog.getByText('Nothing is deleted').waitFor();
    await page().keyboard.press('Escape');
    await row('another').waitFor();
  });

  test('from elsewhere join the list, and stay where they are when they leave it', async () => {
    await shell.bringFolder(join(elsewhere, 'far'), async () => {
      await button('More: add a run folder, trash').click();
      await page().getByRole('menuitem', { name: 'Add a run folder' }).click();
    });
    await row('far').waitFor({ timeout: slowMs });
    await toast('its folder stays where it is').waitFor();
    await row('far').click();
    await page().keyboard.press('Delete');
    await toast('far left the list').getByRole('button', { name: 'Undo' }).click();
    await soon(names).toContain('far');
  });

  test('lose checkpoints only after it was told what that brings', async () => {
    await row('base-1').click();
    await button('More about base-1').click();
    await page().getByRole('menuitem', { name: 'Free checkpoints' }).click();
    const dialog = page().getByRole('dialog', { name: 'Free checkpoints of base-1' });
    await dialog.getByRole('button', { name: /^Delete \d checkpoints?, / }).click();
    await toast('of base-1 are free').waitFor();
    await inspector().getByText('1 file,').waitFor({ timeout: slowMs });
  });

  test('are compared: curves, what keeps them from being compared, options that differ, the same pictures', async () => {
    await row('base-1').click();
    await row('base-2').click({ modifiers: ['Control'] });
    await button('Compare').first().click();
    await page().getByRole('region', { name: 'k-NN accuracy', exact: true }).locator('canvas').waitFor({ timeout: slowMs });
    const chart = page().getByRole('region', { name: 'Loss, total', exact: true });
    await chart.locator('canvas').waitFor({ timeout: slowMs });
    await expect
      .poll(
        () =>
          chart.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
            const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
            const has = (r: number, g: number, b: number) => {
              for (let i = 0; i < data.length; i += 4) if (data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255) return true;
              return false;
            };
            // The first two colours of data in the dark theme.
            return [has(0x56, 0xb4, 0xe9), has(0xe6, 0x9f, 0x00)];
          }),
        { timeout: slowMs },
      )
      .toEqual([true, true]);
    await page().getByRole('region', { name: 'Loss, total', exact: true }).getByText('not comparable: teacher temperatures differ').waitFor();
    const options = page().getByRole('region', { name: 'Options', exact: true });
    const temperature = options.getByRole('row').filter({ hasText: '--teacher_temp' }).first();
    await temperature.filter({ hasText: '0.04' }).filter({ hasText: '0.06' }).waitFor();
    expect(await options.getByRole('row').filter({ hasText: '--epochs' }).count()).toBe(0);
    await options.getByRole('checkbox', { name: 'Only those that differ' }).click();
    await options.getByRole('row').filter({ hasText: '--epochs' }).first().waitFor();
    await options.getByRole('checkbox', { name: 'Only those that differ' }).click();
    await page().getByRole('region', { name: 'Same pictures' }).getByRole('img', { name: /as base-2 sees it$/ }).first().waitFor({ timeout: slowMs });
    await page().getByRole('radio', { name: 'Time' }).click();
    await page().getByRole('radio', { name: 'Epochs' }).click();
    await button('Add run').click();
    await page().getByRole('dialog').getByRole('button', { name: /^another/ }).click();
    await page().getByRole('listitem').filter({ hasText: 'another' }).waitFor();
    await options.getByRole('row').filter({ hasText: '--epochs' }).first().waitFor();
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('runs-compare-dark');
    await button('Compare without another').click();
    await soon(() => page().getByRole('listitem').filter({ hasText: 'another' }).count()).toBe(0);
  });

  /** From the options of one that is there, with so many epochs that it goes on for long. */
  const startLike = async (run: string, epochs: number) => {
    await page().evaluate((address) => (location.hash = address), `#/runs/new?from=${run}&changes=${encodeURIComponent(JSON.stringify({ epochs }))}`);
    await page().getByText(`copied from ${run}`).waitFor({ timeout: slowMs });
    await page().locator('.gives:not(.old)').waitFor({ timeout: slowMs });
    await soon(() => button(/^(Start|Add to queue)$/).isEnabled()).toBe(true);
    const name = await page().getByRole('textbox', { name: 'Name of the run', exact: true }).inputValue();
    await page().keyboard.press('Control+Enter');
    await page().waitForURL(/#\/run\//, { timeout: slowMs });
    return name;
  };

  test('wait in the queue, which tells when each begins', async () => {
    await page().evaluate(() => (location.hash = '#/data'));
    await page().getByText('No pictures yet').waitFor({ timeout: slowMs });
    await shell.bringFolder(pictures, () => button('Add a folder of pictures').click());
    await page().locator('.bar .b', { hasText: '48 pictures' }).waitFor({ timeout: slowMs });
    await page().waitForFunction(() => !document.querySelector('.strip'), null, { timeout: slowMs });
    const first = await startLike('base-1', 2000);
    const second = await startLike('base-1', 3);
    const third = await startLike('base-2', 3);
    await page().evaluate(() => (location.hash = '#/runs'));
    await soon(queued).toEqual([first, second, third]);
    await page().getByText(/begins about .*takes/).first().waitFor({ timeout: slowMs });
  });

  test('are ordered by keys and by hand, and taken out of the queue and back', async () => {
    const [first, second, third] = (await queued()) as [string, string, string];
    await button(`Move ${third}: drag it, or press the arrow keys`).focus();
    await page().keyboard.press('ArrowUp');
    await soon(queued).toEqual([first, third, second]);
    await page().keyboard.press('ArrowUp');
    await soon(queued).toEqual([first, third, second]);
    const grip = (await button(`Move ${third}: drag it, or press the arrow keys`).boundingBox())!;
    await page().mouse.move(grip.x + 8, grip.y + 12);
    await page().mouse.down();
    await page().mouse.move(grip.x + 8, grip.y + 48, { steps: 4 });
    await page().mouse.up();
    await soon(queued).toEqual([first, second, third]);
    await row(first).click();
    await inspector().getByRole('img', { name: 'Patch colours 1' }).waitFor({ timeout: slowMs });
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('runs-dark');
    await button(`Take ${second} out of the queue`).click();
    await soon(queued).toEqual([first, third]);
    await toast(`${second} was taken out`).getByRole('button', { name: 'Undo' }).click();
    await soon(async () => [...(await queued()), ...(await failures())]).toEqual([first, second, third]);
  });

  test('begin only when the queue that was held goes on', async () => {
    const [first, second] = await queued();
    await button('Pause queue after this run').click();
    await page().getByText('begins when the queue goes on').first().waitFor();
    await row(first!).click();
    await inspector().getByRole('button', { name: `More about ${first}` }).click();
    await page().getByRole('menuitem', { name: 'Save and stop' }).click();
    await row(first!).filter({ hasText: 'Stopped' }).waitFor({ timeout: slowMs });
    await soon(async () => (await queued())[0]).toBe(second);
    await row(second!).filter({ hasText: 'Waits' }).waitFor();
    await button('Go on with the queue').click();
    await row(second!).filter({ hasText: /Running|Done/ }).waitFor({ timeout: slowMs });
    await inspector().getByRole('button', { name: 'Go on' }).click();
    await soon(queued).toContain(first);
  });

  test('look as well in the light and in a small window', async () => {
    const theme = async (name: string) => {
      await page().keyboard.press('Control+k');
      await page().keyboard.type(`${name} theme`);
      await page().keyboard.press('Enter');
      await page().waitForFunction((wanted) => document.documentElement.dataset.theme === wanted, name.toLowerCase());
    };
    await theme('Light');
    await shell.screenshot('runs-light');
    expect(await shell.barriers()).toEqual([]);
    await page().evaluate(() => (location.hash = `#/runs/compare/${encodeURIComponent('base-1|base-2|another')}`));
    await page().getByRole('region', { name: 'Same pictures' }).getByRole('img', { name: /as base-2 sees it$/ }).first().waitFor({ timeout: slowMs });
    await page().waitForTimeout(600);
    await shell.screenshot('runs-compare-light');
    expect(await shell.barriers()).toEqual([]);
    await shell.resize(1024, 700);
    await page().waitForTimeout(600);
    await shell.screenshot('runs-compare-small');
    await page().evaluate(() => (location.hash = '#/runs'));
    await row('base-1').waitFor();
    await shell.screenshot('runs-small');
    expect(shell.problems).toEqual([]);
  });
});
