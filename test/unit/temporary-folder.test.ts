import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeTemporaryFolders, temporaryFolder } from '../support/temporary-folder';

test('temporary folders are new and empty, and go with all that is in them', () => {
  const folders = [temporaryFolder(), temporaryFolder()];
  expect(new Set(folders).size).toBe(2);
  for (const folder of folders) {
    expect(readdirSync(folder)).toEqual([]);
    mkdirSync(join(folder, 'inner'));
    writeFileSync(join(folder, 'inner', 'file'), 'text');
  }
  removeTemporaryFolders();
  expect(folders.map(existsSync)).toEqual([false, false]);
});
