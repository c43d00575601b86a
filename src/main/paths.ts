import { isAbsolute, join } from 'node:path';
import { app } from 'electron';
import type { EngineProgram } from '../engine/supervise';

/** Where the parts of the built program are, seen from out/desktop/main. */
export const paths = {
  renderer: join(__dirname, '..', 'renderer'),
  preload: join(__dirname, '..', 'preload', 'preload.cjs'),
  engine: process.env.IBOT_ENGINE_ENTRY || join(__dirname, '..', '..', 'engine', 'host.js'),
  icon: join(__dirname, '..', 'renderer', 'icon.png'),
};

/** The library's folder: as the environment says (for tests), as was chosen, else the usual one. */
export function libraryFolder(chosen: string | undefined): string {
  const wanted = process.env.IBOT_LIBRARY || chosen || '';
  return isAbsolute(wanted) ? wanted : join(app.getPath('documents'), 'iBOT Workbench');
}

/** The engine for a library, with the environment that set-up chose for it. */
export function engineProgram(library: string | undefined): EngineProgram {
  const extra = JSON.parse(process.env.IBOT_ENGINE_ENVIRONMENT || '{}') as Record<string, string>;
  const { ELECTRON_RUN_AS_NODE: _ours, ...environment } = { ...process.env, ...extra };
  const parameters = ['--library', libraryFolder(library)];
  return { node: process.env.IBOT_NODE || 'node', entry: paths.engine, parameters, environment };
}
