import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder';
import { doorTo, type Door } from './support/door';
import { endBrowser, openBrowser, prepareBrowser, serveProgram, type BrowserWindow, type ServedProgram } from './support/serve';

/** Until the window says so; engines start in about a second, here maybe in ten. */
const engineLimitMs = 60_000;

describe('the served workbench', () => {
  let program: ServedProgram;
  let door: Door;
  let window: BrowserWindow;
  const cats = join(temporaryFolder(), 'cats');

  beforeAll(async () => {
    await prepareBrowser();
    mkdirSync(cats);
    for (let i = 0; i < 3; i++) {
      const picture = { width: 48, height: 32, channels: 3 as const, background: { r: 60 * i, g: 120, b: 200 } };
      await sharp({ create: picture }).png().toFile(join(cats, `cat-${i}.png`));
    }
    program = await serveProgram();
    door = await doorTo(program.address);
    window = await openBrowser(door.address);
  }, 600_000);
  afterAll(async () => {
    await window?.close();
    await door?.close();
    await program?.close();
    await endBrowser();
  });

  const says = ({ page }: BrowserWindow, text: string | RegExp) =>
    page.getByTestId('engine-state').filter({ hasText: text }).waitFor({ timeout: engineLimitMs });

  test('opens by the printed address, which does not stay in the browser, with the engine ready', async () => {
    await window.page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
    await says(window, 'Engine ready');
    expect(window.page.url()).not.toContain('token');
    expect(await window.page.evaluate(() => document.cookie)).toBe('');
    expect(program.printed.match(/token=/g)).toHaveLength(1);
    await window.screenshot('serve-home-dark');
  });

  test('asks for the token where there is none, and takes it in a form', async () => {
    const { origin, searchParams } = new URL(program.address);
    const stranger = await openBrowser(`${origin}/`);
    await stranger.page.getByRole('heading', { name: 'iBOT Workbench' }).waitFor();
    expect(await stranger.barriers()).toEqual([]);
    await stranger.page.getByLabel('Token').fill('guessed');
    await stranger.page.getByRole('button', { name: 'Sign in' }).click();
    await stranger.page.getByRole('alert').waitFor();
    await stranger.screenshot('serve-sign-in');
    await stranger.page.getByLabel('Token').fill(searchParams.get('token')!);
    await stranger.page.getByRole('button', { name: 'Sign in' }).click();
    await says(stranger, 'Engine ready');
    await stranger.close();
  });

  test('loads nothing from elsewhere, and evaluates nothing', async () => {
    const before = window.problems.length;
    const outcome = await window.page.evaluate(async () => {
      const fetched = await fetch('https://example.org/').then(() => 'loaded', () => 'refused');
      const evaluated = await new Promise<string>((resolve) =>
        setTimeout(() => {
          try {
            resolve(String(new Function('return "ran"')()));
          } catch {
            resolve('refused');
          }
        }),
      );
      return [fetched, evaluated];
    });
    expect(outcome).toEqual(['refused', 'refused']);
    window.problems.length = before;
  });

  test('picks a folder of the machine it runs on, by keyboard, and adds it', async () => {
    const { page } = window;
    await page.keyboard.press('Control+k');
    await page.keyboard.type('Add a folder');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Add a folder of pictures' });
    await dialog.waitFor();
    const list = dialog.getByRole('listbox');
    await list.and(page.locator('[aria-busy="false"]')).waitFor();
    await dialog.getByLabel('Folder', { exact: true }).fill(join(cats, '..'));
    await page.keyboard.press('Enter');
    await dialog.getByRole('option', { name: 'cats' }).waitFor();
    await list.focus();
    await page.keyboard.press('ArrowDown');
    await dialog.getByText('3 pictures').waitFor();
    await window.screenshot('serve-folder-picker');
    expect(await window.barriers()).toEqual([]);
    await page.keyboard.press('Enter');
    await dialog.getByText('No folders in here.').waitFor();
    await dialog.getByLabel('Folder', { exact: true }).fill('/there/is/none');
    await page.keyboard.press('Enter');
    await dialog.locator('[aria-invalid="true"]').waitFor();
    await dialog.getByRole('button', { name: 'Choose cats' }).click();
    await page.waitForURL(/#\/data\/.+/);
    await dialog.waitFor({ state: 'hidden' });
  });

  test('says that it cannot take what is dropped on it', async () => {
    await window.page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['a picture'], 'cat.png'));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    });
    await window.page.getByRole('status').filter({ hasText: 'A browser tells no page where a folder lies' }).waitFor();
  });

  test('shows pictures of the dataset by their numbers, and nothing else', async () => {
    const dataset = /#\/data\/([a-z0-9]+)/.exec(window.page.url())![1]!;
    const shown = async (address: string) =>
      window.page.evaluate(
        (source) =>
          new Promise<number>((resolve) => {
            const picture = new Image();
            picture.onload = () => resolve(picture.naturalWidth);
            picture.onerror = () => resolve(0);
            picture.src = source;
          }),
        address,
      );
    await expect.poll(() => shown(`/dataset/${dataset}/0/64/1`), { timeout: engineLimitMs }).toBeGreaterThan(0);
    for (const address of [`/dataset/${dataset}/99/64/1`, '/dataset/zzzz/0/64/1', `/dataset/${dataset}/../../etc/passwd`]) {
      expect(await shown(address), address).toBe(0);
    }
    window.problems.length = 0;
  });

  test('comes back after the connection dropped, and hears what changed meanwhile', async () => {
    door.shut();
    await says(window, 'Connection lost');
    await window.screenshot('serve-connection-lost');
    const other = await openBrowser(program.address);
    await says(other, 'Engine ready');
    await other.page.keyboard.press('Control+k');
    await other.page.keyboard.type('Light theme');
    await other.page.keyboard.press('Enter');
    await other.page.waitForFunction(() => document.documentElement.dataset.theme === 'light');
    expect(await window.page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark');
    door.open();
    await says(window, 'Engine ready');
    await window.page.waitForFunction(() => document.documentElement.dataset.theme === 'light');
    await other.close();
    // The browser itself says in its console that it could not connect.
    window.problems.length = 0;
  });

  test('a second browser sees the same, at the same time', async () => {
    const second = await openBrowser(program.address, { width: 1024, height: 700 });
    await says(second, 'Engine ready');
    expect(await second.page.evaluate(() => document.documentElement.dataset.theme)).toBe('light');
    for (const each of [window, second]) {
      await each.page.keyboard.press('Control+,');
      await each.page.getByRole('dialog', { name: 'Settings' }).waitFor();
    }
    await second.page.getByRole('radio', { name: 'Dark' }).click();
    await window.page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
    expect(await window.page.getByRole('radio', { name: 'Dark' }).getAttribute('aria-checked')).toBe('true');
    const holds = ({ page }: BrowserWindow) => page.getByText(/1 dataset, 0 runs/).waitFor();
    for (const each of [window, second]) {
      await each.page.getByRole('dialog').getByRole('button', { name: 'Library' }).click();
      await holds(each);
      expect(await each.barriers()).toEqual([]);
    }
    expect(await second.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    await second.screenshot('serve-second-browser');
    expect(second.problems).toEqual([]);
    await second.close();
    await window.page.keyboard.press('Escape');
  });

  test('tells every browser when the engine is killed, and starts another one', async () => {
    const first = program.enginePid();
    process.kill(first, 'SIGKILL');
    await says(window, 'Engine restarted once');
    expect(program.enginePid()).not.toBe(first);
    expect(program.printed).toContain('process ended by signal 9');
  });

  test('remembers theme and layout in the library', () => {
    const { settings } = JSON.parse(readFileSync(join(program.library, 'window.json'), 'utf8')) as { settings: { theme: string } };
    expect(settings.theme).toBe('dark');
  });

  test('has said nothing wrong in its console', () => {
    expect(window.problems).toEqual([]);
  });

  test('ends with its engine, and says to its browsers that a new start has a new address', async () => {
    const engine = program.enginePid();
    const { library, address } = program;
    expect(await program.close()).toBe(0);
    expect(existsSync(`/proc/${engine}`)).toBe(false);
    await says(window, 'Connection lost');
    await door.close();
    program = await serveProgram(library);
    const old = await openBrowser(address.replace(/:\d+/, `:${new URL(program.address).port}`));
    await old.page.getByRole('alert').waitFor();
    await old.close();
  });
});
