import { isAbsolute, join } from 'node:path';
import { app } from 'electron';

/** Where the parts of the built program are, seen from out/desktop/main. */
export const paths = {
  renderer: join(__dirname, '..', 'renderer'),
  preload: join(__dirname, '..', 'preload', 'preload.cjs'),
  engine: process.env.IBOT_ENGINE_ENTRY || join(__dirname, '..', '..', 'engine', 'host.js'),
  icon: join(__dirname, '..', 'renderer', 'icon.png'),
};

/** A real Node, which the engine needs (Dawn cannot map buffers inside Electron). */
export const nodeExecutable = process.env.IBOT_NODE || 'node';

/** The library's folder: as the environment says (for tests), as was chosen, else the usual one. */
export function libraryFolder(chosen: string | undefined): string {
  const wanted = process.env.IBOT_LIBRARY || chosen || '';
  return isAbsolute(wanted) ? wanted : join(app.getPath('documents'), 'iBOT Workbench');
}
