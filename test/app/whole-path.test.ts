import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder';
import { allKinds } from './support/kinds';
import { monitorOf } from './support/monitor-page';
import { newRunForm } from './support/new-run-form';
import type { ProgramWindow } from './support/program-window';
import { openBrowser, type BrowserWindow, type ServedWindow } from './support/serve';
import { drawPictures } from './support/small-run';
import { slowMs } from './support/until';

/** So small that a step takes milliseconds, and long enough to be paused, left and watched in its middle. */
const smallOptions = {
  ...{ Width: 32, 'Attention heads': 2, Blocks: 1, 'Global crop size': 32, 'Local crops': 0 },
  ...{ '[CLS] output size': 64, 'Hidden width of the head': 64, 'Batch size': 8, Epochs: 50, 'Measure every': 25 },
};

describe.each(allKinds)('from an empty library to a finished run, in $kind', { timeout: 4 * slowMs }, ({ kind, prepare, open, end }) => {
  let shell: ProgramWindow;
  let second: BrowserWindow | undefined;
  let name = '';
  const folder = join(temporaryFolder(), 'seashells');

  beforeAll(async () => {
    await prepare();
    await drawPictures(folder, 128);
    shell = await open();
  }, 600_000);
  afterAll(async () => {
    await second?.close();
    await shell?.close();
    await end();
  });

  const button = (label: string | RegExp) => shell.page.getByRole('button', { name: label });
  const go = (view: string) => shell.page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: view }).click();
  const monitor = () => monitorOf(shell.page);
  /** Of the second browser. */
  const other = () => monitorOf(second!.page);
  const engineSays = (text: string) => shell.page.getByTestId('engine-state').filter({ hasText: text }).waitFor({ timeout: slowMs });
  /** A picture of it is kept, and everybody can use what is shown. */
  const look = async (place: string, at: Pick<ProgramWindow, 'screenshot' | 'barriers'> = shell) => {
    await at.screenshot(`path-${place}`);
    expect(await at.barriers(), place).toEqual([]);
  };

  test('begins at Home, which waits for pictures', async () => {
    await engineSays('Engine ready');
    await shell.page.getByText('Waits for pictures.').waitFor({ timeout: slowMs });
    expect(await button('Start').isDisabled()).toBe(true);
    await look('1-home-empty');
  });

  test('takes a folder of pictures, with their classes', async () => {
    await shell.pickFolder(folder, () => button('Add a folder of pictures').click());
    await shell.page.getByText('128 pictures, 16 classes').waitFor({ timeout: slowMs });
    await expect.poll(() => button('Start').isEnabled(), { timeout: slowMs }).toBe(true);
    await look('2-home-pictures');
  });

  test('shows the pictures, and what is known of one', async () => {
    const { page } = shell;
    await button('Look through them').click();
    await page.getByRole('heading', { level: 1, name: 'seashells' }).waitFor();
    const shown = () => page.locator('[role=option] img').evaluateAll((images) => images.filter((image) => (image as HTMLImageElement).naturalWidth > 0).length);
    await expect.poll(shown, { timeout: slowMs }).toBeGreaterThan(20);
    await page.getByRole('option').nth(3).click();
    await page.locator('aside.inspector').getByText(/\.jpg$/).first().waitFor();
    await look('3-dataset');
  });

  test('sets up a small run by hand, and starts it', async () => {
    const { page } = shell;
    const form = newRunForm(page);
    await go('Home');
    await page.getByRole('link', { name: 'Choose every option' }).click();
    for (const [title, value] of Object.entries(smallOptions)) {
      await form.search(title);
      await form.set(title, String(value));
    }
    await form.search('');
    await form.settled();
    await page.getByRole('img', { name: 'Crop 1 as the student sees it' }).waitFor({ timeout: slowMs });
    await expect.poll(() => button('Start').isEnabled(), { timeout: slowMs }).toBe(true);
    await look('4-new-run');
    name = await form.field('Name of the run').inputValue();
    await button('Start').click();
    await page.getByRole('heading', { level: 1, name }).waitFor({ timeout: slowMs });
  });

  test('draws its curves while it trains', async () => {
    await expect.poll(monitor().stepOf, { timeout: slowMs }).toBeGreaterThan(10);
    await expect.poll(() => monitor().drawn('Loss'), { timeout: slowMs }).toBeGreaterThan(3);
    await monitor().says(/Training|Measuring/);
    await look('5-training');
  });

  test('holds still while it is paused', async () => {
    await monitor().status.getByRole('button', { name: 'Pause' }).click();
    await monitor().says('Paused');
    const at = await monitor().stepOf();
    await look('6-paused');
    expect(await monitor().stepOf()).toBe(at);
  });

  if (kind === 'chromium') {
    test('is seen by a second browser as it is', async () => {
      second = await openBrowser((shell as ServedWindow).program.address, { mark: '-second' });
      await second.page.locator('.statusbar').getByRole('link', { name }).click({ timeout: slowMs });
      await other().says('Paused');
      await expect.poll(() => other().status.textContent()).toBe(await monitor().status.textContent());
      await expect.poll(() => other().drawn('Loss'), { timeout: slowMs }).toBeGreaterThan(3);
      await look('6-paused', second);
    });
  }

  test('goes on from there', async () => {
    const at = await monitor().stepOf();
    await monitor().status.getByRole('button', { name: 'Go on' }).click();
    await monitor().says(/Training|Measuring/);
    await expect.poll(monitor().stepOf, { timeout: slowMs }).toBeGreaterThan(at);
  });

  if (kind === 'chromium') {
    test('goes on while the connection is lost, and is caught up with when it is restored', async () => {
      const { door } = shell as ServedWindow;
      door.shut();
      await engineSays('Connection lost');
      const at = await monitor().stepOf();
      await look('7-connection-lost');
      await expect.poll(other().stepOf, { timeout: slowMs }).toBeGreaterThan(at + 10);
      expect(await monitor().stepOf()).toBe(at);
      door.open();
      await engineSays('Engine ready');
      await expect.poll(monitor().stepOf, { timeout: slowMs }).toBeGreaterThan(at + 10);
      // The browser itself says in its console that it could not connect.
      shell.problems.length = 0;
    });
  }

  test('comes to its end, and has been measured', async () => {
    await monitor().says('Done');
    await expect.poll(() => monitor().chart('k-NN accuracy').getByText(/teacher \d/).count(), { timeout: slowMs }).toBe(1);
    await look('8-done');
  });

  if (kind === 'chromium') {
    test('has the same curves in both browsers, without a gap where one was cut off', async () => {
      await other().says('Done');
      const curve = (of: ReturnType<typeof monitorOf>) => of.chart('Loss').locator('canvas').evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
      for (const { page } of [shell, second!]) {
        await page.getByRole('radio', { name: 'All', exact: true }).click();
        await page.mouse.move(0, 0);
      }
      await expect.poll(async () => (await curve(monitor())) === (await curve(other())), { timeout: slowMs }).toBe(true);
      await look('8-done', second);
      expect(second!.problems).toEqual([]);
    });
  }

  test('is in the list of runs, with its k-NN', async () => {
    await go('Runs');
    await shell.page.getByRole('row').filter({ hasText: name }).filter({ hasText: 'Done' }).filter({ hasText: /\d%/ }).waitFor({ timeout: slowMs });
    await look('9-runs');
  });

  test('is at Home, which leads no longer', async () => {
    await go('Home');
    await shell.page.getByRole('row').filter({ hasText: name }).filter({ hasText: 'Done' }).filter({ hasText: /k-NN/ }).waitFor({ timeout: slowMs });
    await button('New run').waitFor();
    expect(await shell.page.getByText('Waits for pictures.').count()).toBe(0);
    await look('10-home');
    expect(await shell.page.locator('.toast.error').count()).toBe(0);
    expect(shell.problems).toEqual([]);
  });
});
