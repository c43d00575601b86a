/**
 * The real program in a real Electron, for tests: with a library and a profile of its own in a temporary folder, on a virtual
 * display where there is none.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { _electron, type ElectronApplication } from 'playwright-core';
import { electronCommand } from '../../../scripts/electron.mjs';
import { root, setUp, windowVariables } from '../../../scripts/set-up.mjs';
import { needVirtualDisplay } from '../../../scripts/system-packages.mjs';
import { temporaryFolder } from '../../support/temporary-folder';
import { engineOf } from './processes';
import type { OpenOptions, ProgramWindow } from './program-window';
import { watch } from './watched-page';

export interface LaunchedApp extends ProgramWindow {
  app: ElectronApplication;
  userData: string;
}

export interface LaunchOptions extends OpenOptions {
  /** Another program's profile and library, to begin where it ended. */
  from?: Pick<LaunchedApp, 'library' | 'userData'>;
  environment?: Record<string, string>;
}

let display: ChildProcess | undefined;

/** Builds and fetches what is missing (minutes the first time), and sees to a display. Before any `launch`. */
export async function prepare(): Promise<void> {
  await setUp(['driver', 'engine', 'desktop']);
  if (process.platform === 'linux' && !process.env.DISPLAY) await startDisplay();
}

/** The display ends with the tests. */
export function endDisplay(): void {
  display?.kill();
  if (display) delete process.env.DISPLAY;
  display = undefined;
}

async function startDisplay(): Promise<void> {
  await needVirtualDisplay();
  // Without -noreset the display begins anew when its last client leaves, and takes along who comes at that moment.
  const child = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '2560x1600x24', '-nolisten', 'tcp', '-noreset'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  display = child;
  const number = await new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`Xvfb ended with status ${code}`)));
    child.stdio[3]!.on('data', (data: Buffer) => resolve(data.toString().trim()));
  });
  process.env.DISPLAY = `:${number}`;
  process.on('exit', () => child.kill());
}

export async function launch(options: LaunchOptions = {}): Promise<LaunchedApp> {
  const library = options.from?.library ?? options.library ?? join(temporaryFolder(), 'library');
  const userData = options.from?.userData ?? join(temporaryFolder(), 'profile');
  if (options.theme || !options.from) setTheme(userData, options.theme ?? 'dark');
  const command = await electronCommand();
  const app = await _electron.launch({
    executablePath: command.executable,
    args: [...command.parameters, '--force-device-scale-factor=1'],
    cwd: root,
    env: {
      ...definedOnly(process.env),
      ...command.environment,
      ...(await windowVariables()),
      IBOT_LIBRARY: library,
      IBOT_USER_DATA: userData,
      ...options.environment,
    },
    timeout: 60_000,
  });
  const main = app.process();
  const watched = watch(await app.firstWindow());
  const { page, problems } = watched;
  const resize = async (width: number, height: number) => {
    await app.evaluate(({ BrowserWindow }, size) => BrowserWindow.getAllWindows()[0]!.setContentSize(size.width, size.height), { width, height });
    await page.waitForFunction((wanted) => innerWidth === wanted, width);
  };
  /** The system's dialogs cannot be driven, so they answer by themselves. */
  const choose = async (path: string, act: () => Promise<unknown>) => {
    await app.evaluate(({ dialog }, chosen) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [chosen] });
    }, path);
    await act();
  };
  await resize(options.width ?? 1440, options.height ?? 900);
  await page.waitForSelector('.statusbar', { timeout: 60_000 }).catch(async (error: Error) => {
    await end(app, main);
    throw new Error(`The window stayed empty. Its console: ${problems.join('\n') || 'nothing'}`, { cause: error });
  });
  return {
    ...watched,
    app,
    library,
    userData,
    enginePid: () => engineOf(main.pid!),
    resize,
    pickFolder: choose,
    // As the preload script says it of what is dropped.
    bringFolder: (folder) => page.evaluate((path) => window.postMessage({ kind: 'ibot-dropped', paths: [path] }, location.origin), folder),
    openFile: choose,
    copied: () => app.evaluate(({ clipboard }) => clipboard.readText()),
    close: () => end(app, main),
  };
}

const endLimitMs = 30_000;

/** Ends it as the system does, which asks nobody; a program that does not end is killed, and its engine goes with it. */
async function end(app: ElectronApplication, main: ChildProcess): Promise<void> {
  main.kill('SIGTERM');
  const timer = setTimeout(() => main.kill('SIGKILL'), endLimitMs);
  await app.close().catch(() => {});
  clearTimeout(timer);
}

/** As if it had been chosen before. */
function setTheme(userData: string, theme: 'dark' | 'light'): void {
  mkdirSync(userData, { recursive: true });
  writeFileSync(join(userData, 'settings.json'), JSON.stringify({ settings: { theme } }));
}

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
