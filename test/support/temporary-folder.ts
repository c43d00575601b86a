/** Folders for tests. They go when the test file is through: see `after-each-file.ts`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

/** A new, empty folder. Its path holds a space, as those of users do. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ibot test '));
  made.push(folder);
  return folder;
}

export function removeTemporaryFolders(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
