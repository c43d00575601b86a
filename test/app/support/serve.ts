/**
 * The program served to real browsers (Debian's Chromium, headless), for tests: `ibot serve` as a process of its own with a library of
 * its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, dirname, join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { root, setUp } from '../../../scripts/set-up.mjs';
import { needBrowser } from '../../../scripts/system-packages.mjs';
import { temporaryFolder } from '../../support/temporary-folder';
import { doorTo, type Door } from './door';
import { engineOf } from './processes';
import type { OpenOptions, ProgramWindow } from './program-window';
import { watch, type WatchedPage } from './watched-page';

const startLimitMs = 60_000;

export interface ServedProgram {
  library: string;
  /** As it was printed, with the token. */
  address: string;
  /** What it printed so far. */
  readonly printed: string;
  /** The process of the engine that runs now. */
  enginePid(): number;
  /** Ends it as Ctrl-C does; resolves to its exit status. */
  close(): Promise<number | null>;
}

let environment: Record<string, string>;
let browser: Browser;

/** Builds what is missing. Before anything else, where no browser is needed. */
export async function prepareServing(): Promise<void> {
  environment = await setUp(['driver', 'engine', 'desktop']);
}

/** Builds and installs what is missing, and starts the browser. Before anything else. */
export async function prepareBrowser(): Promise<void> {
  await prepareServing();
  browser = await chromium.launch({ executablePath: await needBrowser(), args: ['--no-sandbox', '--disable-gpu'] });
}

export async function endBrowser(): Promise<void> {
  await browser?.close();
}

export async function serveProgram(library = join(temporaryFolder(), 'library')): Promise<ServedProgram> {
  const words = ['serve', '--library', library, '--port', '0'];
  const child = spawn(process.execPath, [join(root, 'out', 'engine', 'main.js'), ...words], { env: environment, stdio: 'pipe' });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const ended = once(child, 'close') as Promise<[number | null]>;
  const address = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`No address was printed in time: ${printed}`)), startLimitMs);
    child.stdout.on('data', () => {
      const found = /http:\/\/\S+\/\?token=[\w-]+/.exec(printed);
      if (!found) return;
      clearTimeout(timer);
      resolve(found[0]);
    });
    void ended.then(() => reject(new Error(`It ended: ${printed}`)));
  });
  return {
    library,
    address,
    get printed() {
      return printed;
    },
    enginePid: () => engineOf(child.pid!),
    close: async () => {
      child.kill('SIGINT');
      const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
      const [status] = await ended;
      clearTimeout(timer);
      return status;
    },
  };
}

export interface BrowserWindow extends WatchedPage {
  context: BrowserContext;
  close(): Promise<void>;
}

interface BrowserOptions extends Omit<OpenOptions, 'library'> {
  /** Stands at the end of its pictures' names. */
  mark?: string;
}

/** A browser of its own, with cookies of its own. */
export async function openBrowser(address: string, { width = 1440, height = 900, theme = 'dark', mark }: BrowserOptions = {}): Promise<BrowserWindow> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: 'reduce' });
  const watched = watch(await context.newPage(), mark);
  await watched.page.goto(address);
  return { ...watched, context, close: () => context.close() };
}

/** The program, and the first browser that looks at it; between both stands a door. */
export interface ServedWindow extends ProgramWindow {
  program: ServedProgram;
  door: Door;
}

export async function openServed({ library, ...options }: OpenOptions = {}): Promise<ServedWindow> {
  const program = await serveProgram(library);
  const door = await doorTo(program.address);
  const { context, ...watched } = await openBrowser(door.address, { ...options, mark: '-chromium' });
  const { page } = watched;
  await page.waitForSelector('.statusbar', { timeout: startLimitMs });
  const pickFolder = async (folder: string, act: () => Promise<unknown>) => {
    await act();
    await pickIn(page, folder);
  };
  return {
    ...watched,
    program,
    door,
    library: program.library,
    enginePid: program.enginePid,
    resize: (width, height) => page.setViewportSize({ width, height }),
    pickFolder,
    // A browser tells no page where a folder is.
    bringFolder: pickFolder,
    openFile: async (file, act) => {
      const asked = page.waitForEvent('filechooser');
      await act();
      await (await asked).setFiles(file);
    },
    copied: async () => {
      await context.grantPermissions(['clipboard-read']);
      const text = await page.evaluate(() => navigator.clipboard.readText());
      await context.clearPermissions();
      return text;
    },
    close: async () => {
      await context.close();
      await door.close();
      await program.close();
    },
  };
}

/** In the dialog that shows folders of the program's machine. */
async function pickIn(page: Page, folder: string): Promise<void> {
  const dialog = page.getByRole('dialog').filter({ has: page.getByRole('navigation', { name: 'Places' }) });
  await dialog.locator('[role=listbox][aria-busy=false]').waitFor();
  const address = dialog.getByLabel('Folder', { exact: true });
  await address.fill(dirname(folder));
  await address.press('Enter');
  const name = basename(folder);
  await dialog.getByRole('option').filter({ has: page.getByText(name, { exact: true }) }).click();
  await dialog.getByRole('button', { name: `Choose ${name}`, exact: true }).click();
  await dialog.waitFor({ state: 'hidden' });
}
