/** What the window may ask of the system; calls come checked. Contract: engine/protocol/desktop.ts. */
import { constants, existsSync } from 'node:fs';
import { access, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { app, clipboard, dialog, shell, type BrowserWindow, type OpenDialogOptions } from 'electron';
import { PAGES, type DesktopCall, type DesktopMethodName, type Params, type Result } from '../engine/protocol';
import type { DesktopService, EngineClient, Supervisor } from '../engine/supervise';
import type { Closing } from './closing';
import type { SettingsStore } from './settings';

type Handlers = { [M in DesktopMethodName]: (params: Params<M>, window: BrowserWindow) => Promise<Result<M>> | Result<M> };

export interface DesktopParts {
  settings: SettingsStore;
  supervisor: Supervisor;
  engine: EngineClient;
  closing: Closing;
}

const largestText = 1_000_000;

export function desktopService(parts: DesktopParts): DesktopService<BrowserWindow> {
  const handlers = makeHandlers(parts);
  return async ({ method, params }: DesktopCall, window) =>
    (handlers[method] as (params: unknown, window: BrowserWindow) => unknown)(params, window);
}

function makeHandlers({ settings, supervisor, engine, closing }: DesktopParts): Handlers {
  return {
    'desktop.info': () => ({
      version: app.getVersion(),
      electron: process.versions.electron ?? '',
      chrome: process.versions.chrome ?? '',
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
    }),
    'desktop.pickFolder': async ({ title, start }, window) => ({
      path: await choose(window, { title, defaultPath: start, properties: ['openDirectory', 'createDirectory'] }),
    }),
    'desktop.pickFile': async ({ title, endings }, window) => ({ path: await choose(window, openOptions(title, endings)) }),
    'desktop.openText': async ({ title, endings }, window) => {
      const path = await choose(window, openOptions(title, endings));
      if (!path) return null;
      if ((await stat(path)).size > largestText) throw new Error(`${basename(path)} is larger than 1 MB, so it is not read.`);
      const text = await readFile(path, 'utf8');
      if (text.includes('\0')) throw new Error(`${basename(path)} is not a text file.`);
      return { fileName: basename(path), text };
    },
    'desktop.saveText': async ({ fileName, text }, window) => {
      const { canceled, filePath } = await dialog.showSaveDialog(window, { defaultPath: basename(fileName) });
      if (canceled || !filePath) return null;
      await writeFile(filePath, text).catch((error: NodeJS.ErrnoException) => {
        throw new Error(`${basename(filePath)} could not be written: ${error.code === 'ENOSPC' ? 'the disk is full' : error.message}.`);
      });
      return { path: filePath };
    },
    'desktop.reveal': async (what) => {
      const path = await placeOf(what, engine);
      if (!existsSync(path)) throw new Error(`${path} is not there any more.`);
      shell.showItemInFolder(path);
      return null;
    },
    'desktop.openPage': async ({ page }) => {
      await shell.openExternal(PAGES[page]);
      return null;
    },
    'desktop.copyText': ({ text }) => {
      clipboard.writeText(text);
      return null;
    },
    'desktop.settings': () => settings.current,
    'desktop.setSettings': (change) => settings.change(change),
    'desktop.layout': () => settings.layout,
    'desktop.setLayout': (layout) => {
      settings.addLayout(layout);
      return null;
    },
    'desktop.setLibrary': async ({ folder }) => {
      if (closing.runIsGoing) throw new Error('A run is going: pause or stop it before another library is opened.');
      await mkdir(folder, { recursive: true }).catch(() => {});
      await access(folder, constants.W_OK).catch(() => {
        throw new Error(`Nothing can be written to ${folder}: choose a folder of your own.`);
      });
      settings.library = folder;
      supervisor.replace('Another library was opened.');
      return null;
    },
    'desktop.restartEngine': () => {
      supervisor.restart('The engine was started anew by hand.');
      return null;
    },
    'desktop.close': async ({ choice, always }) => {
      await closing.answer(choice, always);
      return null;
    },
    'desktop.window': ({ do: what }, window) => {
      if (what === 'minimise') window.minimize();
      else if (what === 'close') window.close();
      else if (window.isMaximized()) window.unmaximize();
      else window.maximize();
      return null;
    },
  };
}

function openOptions(title: string, endings: string[]): OpenDialogOptions {
  const filters = endings.length > 0 ? [{ name: endings.map((each) => `.${each}`).join(', '), extensions: endings }] : [];
  return { title, filters, properties: ['openFile'] };
}

async function choose(window: BrowserWindow, options: OpenDialogOptions): Promise<string | null> {
  const { canceled, filePaths } = await dialog.showOpenDialog(window, options);
  return canceled ? null : (filePaths[0] ?? null);
}

/** The engine knows where things are, so that no path comes from the window. */
async function placeOf(what: Params<'desktop.reveal'>, engine: EngineClient): Promise<string> {
  if (what.kind === 'picture') return (await engine.call('pictures.detail', { dataset: what.dataset, picture: what.picture })).file;
  if (what.kind === 'dataset') return (await engine.call('datasets.get', { dataset: what.dataset })).folder;
  if (what.kind === 'run') return (await engine.call('runs.get', { run: what.run })).folder;
  return (await engine.call('library.status', {})).folder;
}
