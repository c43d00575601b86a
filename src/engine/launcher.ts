/** How commands of this program are written for a terminal. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** In the folder of this program. */
export const LAUNCHER = 'npm run ibot --';

/** In whatever folder: the words before those of the command. Built or as source, this file lies two folders deep. */
export function launcherAnywhere(): string[] {
  const script = fileURLToPath(new URL('../../scripts/ibot.mjs', import.meta.url));
  return existsSync(script) ? ['node', script] : ['ibot'];
}

/** One word of a POSIX shell, whatever is in it. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
