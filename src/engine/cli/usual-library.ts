import { readFileSync } from 'node:fs';
import { homedir, platform } from 'node:os';
import { join } from 'node:path';

/** For the help of `--library`. */
export const USUAL_LIBRARY_HELP = "(default: the desktop program's usual one)";

/** Where the desktop program has its library unless another one was chosen: a folder in the user's documents. */
export function usualLibrary(environment: NodeJS.ProcessEnv = process.env, home = homedir()): string {
  return environment.IBOT_LIBRARY || join(documents(environment, home), 'iBOT Workbench');
}

/** As Electron finds them: on Linux by the desktop's own list, without one the home folder. */
function documents(environment: NodeJS.ProcessEnv, home: string): string {
  if (platform() === 'darwin' || platform() === 'win32') return join(home, 'Documents');
  try {
    const list = readFileSync(join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'user-dirs.dirs'), 'utf8');
    const place = /^\s*XDG_DOCUMENTS_DIR="(\$HOME)?\/?([^"]*)"/m.exec(list);
    if (place) return place[1] ? join(home, place[2]!) : `/${place[2]}`;
  } catch {
    // No desktop was ever here.
  }
  return home;
}
