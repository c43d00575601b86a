/** The program's version. */
import { readFileSync } from 'node:fs';

function readVersion(): string {
  // Beside the built program or in the repository.
  for (const place of ['../../package.json', '../package.json', '../../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as Record<string, unknown>;
      if (name === 'ibot-workbench' && typeof version === 'string') return version;
    } catch {
      continue;
    }
  }
  return 'unknown';
}

export const VERSION = readVersion();
