import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endDisplay, launch, prepare, type LaunchedApp } from './support/launch';

/** Until the window says so; engines start in about a second, here maybe in ten. */
const engineLimitMs = 60_000;

describe('the desktop program', () => {
  let shell: LaunchedApp;

  beforeAll(async () => {
    await prepare();
    shell = await launch();
  }, 600_000);
  afterAll(async () => {
    await shell?.close();
    endDisplay();
  });

  const engineState = (text: string | RegExp) =>
    shell.page.getByTestId('engine-state').filter({ hasText: text }).waitFor({ timeout: engineLimitMs });

  test('opens a window that shows the first view, with the engine ready', async () => {
    expect(await shell.page.title()).toBe('iBOT Workbench');
    await shell.page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
    await engineState('Engine ready');
    await shell.screenshot('shell-home-dark');
  });

  test('keeps a page without Node, and without Electron', async () => {
    const reach = await shell.page.evaluate(() =>
      ['require', 'process', 'module', 'Buffer', 'electron', 'ipcRenderer'].filter((name) => name in globalThis),
    );
    expect(reach).toEqual([]);
  });

  test('loads nothing from elsewhere, by address, by element or by script', async () => {
    const before = shell.problems.length;
    const outcome = await shell.page.evaluate(async () => {
      const fetched = await fetch('https://example.org/').then(
        () => 'loaded',
        () => 'refused',
      );
      const element = (tag: 'img' | 'script', source: string) =>
        new Promise<string>((resolve) => {
          const made = document.createElement(tag);
          made.onload = () => resolve('loaded');
          made.onerror = () => resolve('refused');
          made.src = source;
          document.head.append(made);
        });
      // Later, since what a debugger evaluates may do more.
      const evaluated = await new Promise<string>((resolve) =>
        setTimeout(() => {
          try {
            resolve(String(new Function('return "ran"')()));
          } catch {
            resolve('refused');
          }
        }),
      );
      return [
        fetched,
        await element('img', 'https://example.org/picture.png'),
        await element('script', 'https://example.org/script.js'),
        await fetch('file:///etc/passwd').then(
          () => 'loaded',
          () => 'refused',
        ),
        evaluated,
      ];
    });
    expect(outcome).toEqual(['refused', 'refused', 'refused', 'refused', 'refused']);
    // These refusals are in the console, as they should be, and count for no other test.
    shell.problems.length = before;
  });

  test('grants a page no permission', async () => {
    const granted = await shell.page.evaluate(() =>
      Promise.all(
        ['geolocation', 'notifications', 'camera', 'microphone', 'clipboard-read'].map(async (name) => {
          const { state } = await navigator.permissions.query({ name: name as PermissionName });
          return state === 'granted' ? [name] : [];
        }),
      ),
    );
    expect(granted.flat()).toEqual([]);
  });

  test('serves no file but its own, and no picture but those of datasets', async () => {
    const answers = await shell.page.evaluate(() =>
      Promise.all(
        [
          'ibot-app://workbench/index.html',
          'ibot-app://workbench/../main/index.cjs',
          'ibot-app://workbench/%2e%2e/main/index.cjs',
          'ibot-app://workbench/..%2f..%2f..%2f..%2fetc%2fpasswd',
          'ibot-app://elsewhere/index.html',
        ].map((address) =>
          fetch(address).then(
            ({ status }) => status,
            () => 0,
          ),
        ),
      ),
    );
    expect(answers[0]).toBe(200);
    expect(answers.slice(1).every((status) => status !== 200)).toBe(true);
    const pictures = await shell.page.evaluate(() =>
      Promise.all(
        [
          'ibot-picture://dataset/aaaa/1/256/1',
          'ibot-picture://dataset/../../etc/passwd',
          'ibot-picture://dataset/aaaa/1/300/1',
          'ibot-picture://elsewhere/etc/passwd',
        ].map(
          (address) =>
            new Promise<string>((resolve) => {
              const picture = new Image();
              picture.onload = () => resolve('loaded');
              picture.onerror = () => resolve('refused');
              picture.src = address;
            }),
        ),
      ),
    );
    expect(pictures).toEqual(['refused', 'refused', 'refused', 'refused']);
    shell.problems.length = 0;
  });

  test('finds commands in the palette, by keyboard alone', async () => {
    await shell.page.keyboard.press('Control+k');
    await shell.page.getByRole('combobox', { name: 'Search or run a command' }).waitFor();
    await shell.page.keyboard.type('run');
    await shell.screenshot('shell-palette');
    await shell.page.keyboard.press('Escape');
    await shell.page.keyboard.press('Control+k');
    await shell.page.keyboard.type('data');
    await shell.page.keyboard.press('Enter');
    await shell.page.getByRole('heading', { level: 1, name: 'Data' }).waitFor();
    await shell.screenshot('shell-data');
  });

  test('changes its theme and remembers it', async () => {
    await shell.page.keyboard.press('Control+,');
    await shell.page.getByRole('dialog', { name: 'Settings' }).waitFor();
    await shell.screenshot('shell-settings');
    await shell.page.getByRole('radio', { name: 'Light' }).click();
    await shell.page.waitForFunction(() => document.documentElement.dataset.theme === 'light');
    await shell.page.keyboard.press('Escape');
    await shell.screenshot('shell-data-light');
  });

  test('says when the engine is killed, and starts another one', async () => {
    const first = shell.enginePid();
    process.kill(first, 'SIGKILL');
    await engineState('Engine restarted once');
    const second = shell.enginePid();
    expect(second).not.toBe(first);
    await shell.page.getByTestId('engine-state').click();
    await shell.page.getByText('process ended by signal 9').waitFor();
    await shell.screenshot('shell-engine-restarted');
    await shell.page.keyboard.press('Escape');
  });

  test('shows its window instead of opening a second one', async () => {
    const second = await launch({ from: shell }).then(
      async (launched) => {
        await launched.close();
        return 'opened';
      },
      () => 'refused',
    );
    expect(second).toBe('refused');
    expect(shell.app.windows()).toHaveLength(1);
  });

  test('fits into 1024 × 700', async () => {
    await shell.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.setContentSize(1024, 700));
    await shell.page.waitForFunction(() => innerWidth === 1024);
    const overflow = await shell.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    await shell.screenshot('shell-small');
  });

  test.each(['dark', 'light'] as const)('is accessible to everybody, %s', async (theme) => {
    await shell.page.emulateMedia({ reducedMotion: 'reduce' });
    await shell.page.evaluate((wanted) => (document.documentElement.dataset.theme = wanted), theme);
    for (const view of ['home', 'data', 'runs', 'runs/new']) {
      await shell.page.evaluate((address) => (location.hash = `#/${address}`), view);
      await shell.page.waitForTimeout(200);
      expect(await shell.barriers(), view).toEqual([]);
    }
    await shell.page.keyboard.press('Control+,');
    await shell.page.getByRole('dialog', { name: 'Settings' }).waitFor();
    expect(await shell.barriers(), 'settings').toEqual([]);
    await shell.page.keyboard.press('Escape');
  });

  test('has said nothing wrong in its console', () => {
    expect(shell.problems).toEqual([]);
  });

  test('takes its engine with it when it ends, and remembers what was set', async () => {
    const engine = shell.enginePid();
    const { library, userData } = shell;
    await shell.app.close();
    await expect.poll(() => existsSync(`/proc/${engine}`), { timeout: 30_000 }).toBe(false);
    shell = await launch({ from: { library, userData } });
    await shell.page.waitForFunction(() => document.documentElement.dataset.theme === 'light');
    const engineOfKilled = shell.enginePid();
    process.kill(shell.app.process().pid!, 'SIGKILL');
    await expect.poll(() => existsSync(`/proc/${engineOfKilled}`), { timeout: 30_000 }).toBe(false);
    shell = await launch();
  });

  // The last one: Playwright waits for ever for a navigation that was refused.
  test('stays where it is: no navigation, no other windows', async () => {
    const before = shell.page.url();
    const opened = await shell.page.evaluate(() => window.open('https://example.org/') !== null);
    expect(opened).toBe(false);
    expect(shell.app.windows()).toHaveLength(1);
    for (const address of ['https://example.org/', 'file:///etc/passwd', 'ibot-picture://dataset/aaaa/1/256/1']) {
      const windows = await shell.app.evaluate(async ({ BrowserWindow }, wanted) => {
        const { webContents } = BrowserWindow.getAllWindows()[0]!;
        await webContents.executeJavaScript(`location.href = ${JSON.stringify(wanted)}; null`);
        await new Promise((resolve) => setTimeout(resolve, 300));
        return BrowserWindow.getAllWindows().map((window) => window.webContents.getURL());
      }, address);
      expect(windows).toEqual([before]);
    }
  });
});
