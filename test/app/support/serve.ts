/**
 * The program served to real browsers (Debian's Chromium, headless), for tests: `ibot serve` as a process of its own with a library of
 * its own. Between browser and server stands a door that can be shut, so that connections drop as in a network.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { root, setUp } from '../../../scripts/set-up.mjs';
import { needBrowser } from '../../../scripts/system-packages.mjs';
import { temporaryFolder } from '../../support/temporary-folder';

const screens = join(root, 'out', 'screens');
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
    enginePid: () => enginePidOf(child),
    close: async () => {
      child.kill('SIGINT');
      const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
      const [status] = await ended;
      clearTimeout(timer);
      return status;
    },
  };
}

/** The engine is the child that runs the host (by Linux's own table of processes). */
function enginePidOf({ pid }: ChildProcess): number {
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      const parent = Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]);
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      if (parent === pid && words.some((word) => word.endsWith(join('engine', 'host.js')))) return Number(name);
    } catch {
      // It ended while we looked.
    }
  }
  throw new Error('there is no engine now');
}

export interface BrowserWindow {
  context: BrowserContext;
  page: Page;
  /** Errors of the page's console and scripts, so far. */
  problems: string[];
  screenshot(name: string): Promise<void>;
  /** What axe finds serious or worse in what is shown now, one line each. */
  barriers(): Promise<string[]>;
  close(): Promise<void>;
}

/** A browser of its own, with cookies of its own. */
export async function openBrowser(address: string, { width = 1440, height = 900 } = {}): Promise<BrowserWindow> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: 'dark', reducedMotion: 'reduce' });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.stack ?? error.message));
  await page.goto(address);
  return {
    ...{ context, page, problems },
    screenshot: async (name) => {
      mkdirSync(screens, { recursive: true });
      await page.screenshot({ path: join(screens, `${name}.png`) });
    },
    barriers: async () => {
      // Evaluated by the debugger, since the page itself may load no foreign script.
      await page.evaluate(`if (!globalThis.axe) { ${axe.source} }`);
      const { violations } = (await page.evaluate('axe.run(document)')) as axe.AxeResults;
      const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      return serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
    },
    close: () => context.close(),
  };
}

/** A way to the server, on a port of its own, that can be shut and opened again. */
export interface Door {
  /** The same address, through it. */
  address: string;
  shut(): void;
  open(): void;
  close(): Promise<void>;
}

export async function doorTo(address: string): Promise<Door> {
  const target = new URL(address);
  const open = new Set<Socket>();
  let isShut = false;
  const server: Server = createServer((socket) => {
    if (isShut) return void socket.destroy();
    const onwards = connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [socket, onwards],
      [onwards, socket],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => (open.delete(one), other.destroy()));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  const through = new URL(target);
  through.port = String((server.address() as AddressInfo).port);
  return {
    address: through.href,
    shut: () => {
      isShut = true;
      cut();
    },
    open: () => (isShut = false),
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
