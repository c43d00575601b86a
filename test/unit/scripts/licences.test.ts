import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../support/temporary-folder';

const repository = join(import.meta.dirname, '..', '..', '..');

function licences(root: string, ...words: string[]): Promise<{ status: number; said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'scripts', 'licences.mjs'), ...words], (error, _output, said) => {
      resolve({ status: error ? Number(error.code) : 0, said });
    });
  });
}

describe('the list of licences', () => {
  let root: string;
  beforeEach(async () => {
    root = temporaryFolder();
    await mkdir(join(root, 'docs'));
    for (const name of ['licences.mjs', 'set-up.mjs', 'driver-noise.mjs']) {
      await cp(join(repository, 'scripts', name), join(root, 'scripts', name));
    }
  });

  const lock = (packages: Record<string, object>): Promise<void> =>
    writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...packages } }));

  it('is up to date (else: npm run licences)', async () => {
    expect(await licences(repository, '--check')).toEqual({ status: 0, said: '' });
  });

  it('names each package under its use', async () => {
    await lock({
      'node_modules/used': { version: '1.0.0', license: '(MIT OR GPL-3.0)' },
      'node_modules/builds': { version: '2.0.0', license: 'ISC', dev: true },
      'node_modules/builds/node_modules/used': { version: '1.0.0', license: '(MIT OR GPL-3.0)', dev: true },
    });
    expect((await licences(root)).status).toBe(0);
    const [program, development] = (await readFile(join(root, 'docs', 'licences.md'), 'utf8')).split('## Used to build');
    expect(program).toContain('| used | 1.0.0 | (MIT OR GPL-3.0) |');
    expect(development).toContain('| builds | 2.0.0 | ISC |');
    expect(development).not.toContain('| used |');
    expect((await licences(root, '--check')).status).toBe(0);
    await lock({});
    expect((await licences(root, '--check')).status).toBe(1);
  });

  it.each([
    ['an unknown licence', { version: '1.0.0', license: 'SSPL-1.0' }],
    ['no licence', { version: '1.0.0' }],
    ['one that is accepted for other packages', { version: '1.0.0', license: 'LGPL-3.0-or-later' }],
    ['only a part that is accepted', { version: '1.0.0', license: 'MIT AND GPL-2.0' }],
  ])('refuses %s', async (_what, entry) => {
    await lock({ 'node_modules/odd': entry });
    const { status, said } = await licences(root);
    expect(status).toBe(1);
    expect(said).toContain('odd 1.0.0: ');
  });
});
