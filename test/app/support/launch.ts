/**
 * The real program in a real Electron, for tests: with a library and a profile of its own in a temporary folder, on a virtual
 * display where there is none. Screenshots are kept in out/screens/.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { electronCommand } from '../../../scripts/electron.mjs';
import { root, setUp, windowVariables } from '../../../scripts/set-up.mjs';
import { needVirtualDisplay } from '../../../scripts/system-packages.mjs';
import { temporaryFolder } from '../../support/temporary-folder';

const screens = join(root, 'out', 'screens');

export interface LaunchedApp {
  app: ElectronApplication;
  page: Page;
  /** Errors of the page's console and scripts, so far. */
  problems: string[];
  library: string;
  userData: string;
  /** Keeps a picture of the window as out/screens/NAME.png. */
  screenshot(name: string): Promise<void>;
  /** What axe finds serious or worse in what is shown now, one line each. */
  barriers(): Promise<string[]>;
  /** The process of the engine that runs now. */
  enginePid(): number;
  close(): Promise<void>;
}

export interface LaunchOptions {
  /** Another program's profile and library, to begin where it ended. */
  from?: Pick<LaunchedApp, 'library' | 'userData'>;
  environment?: Record<string, string>;
  width?: number;
  height?: number;
  theme?: 'dark' | 'light';
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
  const library = options.from?.library ?? join(temporaryFolder(), 'library');
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
  const problems: string[] = [];
  const page = await app.firstWindow();
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.stack ?? error.message));
  await app.evaluate(
    ({ BrowserWindow }, { width, height }) => BrowserWindow.getAllWindows()[0]!.setContentSize(width, height),
    { width: options.width ?? 1440, height: options.height ?? 900 },
  );
  await page.waitForSelector('.statusbar', { timeout: 60_000 }).catch(async (error: Error) => {
    await end(app, main);
    throw new Error(`The window stayed empty. Its console: ${problems.join('\n') || 'nothing'}`, { cause: error });
  });
  return {
    app,
    page,
    problems,
    library,
    userData,
    screenshot: async (name) => {
      mkdirSync(screens, { recursive: true });
      await page.screenshot({ path: join(screens, `${name}.png`) });
    },
    barriers: () => barriersOf(page),
    enginePid: () => enginePidOf(app),
    close: async () => {
      await end(app, main);
    },
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

async function barriersOf(page: Page): Promise<string[]> {
  // Evaluated by the debugger, since the page itself may load no foreign script.
  await page.evaluate(`if (!globalThis.axe) { ${axe.source} }`);
  const { violations } = (await page.evaluate('axe.run(document)')) as axe.AxeResults;
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

/** As if it had been chosen before. */
function setTheme(userData: string, theme: 'dark' | 'light'): void {
  mkdirSync(userData, { recursive: true });
  writeFileSync(join(userData, 'settings.json'), JSON.stringify({ settings: { theme } }));
}

/** The engine is the child of main that runs its host (by Linux's own table of processes). */
function enginePidOf(app: ElectronApplication): number {
  const main = app.process().pid!;
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  for (const pid of processes) {
    try {
      const parent = Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (parent === main && words.some((word) => word.endsWith(join('engine', 'host.js')))) return Number(pid);
    } catch {
      // It ended while we looked.
    }
  }
  throw new Error('there is no engine now');
}

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
