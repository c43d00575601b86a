import { chmod, link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { scanFolder } from '../../../src/engine/data';
import { UserError } from '../../../src/engine/errors';
import { temporaryFolder } from '../../support/temporary-folder';
import { put } from './pictures';

let root: string;
beforeEach(async () => {
  root = temporaryFolder();
});
const paths = async (folder = root): Promise<string[]> => (await scanFolder(folder)).pictures.map(({ path }) => path);

describe('scanFolder', () => {
  it('finds pictures at any depth by extension in either case, in code-unit order', async () => {
    for (const name of [
      'b.JPG',
      'a/x.png',
      'a/deep/er/y.TiFf',
      'Z.webp',
      'c.avif',
      'd.ppm',
      'e.bmp',
      'notes.txt',
      'png',
      'a.png.zip',
    ]) {
      await put(root, name, 'x');
    }
    expect(await paths()).toEqual(['Z.webp', 'a/deep/er/y.TiFf', 'a/x.png', 'b.JPG', 'c.avif', 'd.ppm', 'e.bmp']);
  });

  it('takes names with spaces, quotes, newlines and any script, and skips hidden ones', async () => {
    const names = ['a b.png', '"q\'.png', 'new\nline.png', '猫/ねこ.jpg', 'кот.gif', '😀.png', '-rf.png', 'per%20cent.png'];
    for (const name of [...names, '.hidden.png', '.git/x.png']) await put(root, name, 'x');
    expect(await paths()).toEqual([...names].sort((a, b) => (a < b ? -1 : 1)));
  });

  it('gives size in bytes and time in whole milliseconds', async () => {
    await put(root, 'a.png', 'abcde');
    const [found] = (await scanFolder(root)).pictures;
    expect(found!.size).toBe(5);
    expect(Number.isInteger(found!.modified)).toBe(true);
    expect(Math.abs(found!.modified - Date.now())).toBeLessThan(60_000);
  });

  it('enters each folder once however links turn, and under its own name', async () => {
    await put(root, 'z/real.png', 'x');
    await symlink(join(root, 'z'), join(root, 'a'));
    await symlink(root, join(root, 'z', 'loop'));
    await symlink('..', join(root, 'up'));
    await symlink('circle', join(root, 'circle'));
    const scan = await scanFolder(root);
    expect(scan.pictures.map(({ path }) => path)).toEqual(['z/real.png']);
    expect(scan.problems).toEqual([
      { path: 'circle', reason: 'a link that leads in a circle' },
      { path: 'up', reason: 'a link that leads back up' },
      { path: 'z/loop', reason: 'a link that leads back up' },
    ]);
  });

  it('follows links to folders and pictures elsewhere, and takes hard links as pictures', async () => {
    const elsewhere = temporaryFolder();
    const file = await put(elsewhere, 'sub/one.png', 'x');
    await symlink(elsewhere, join(root, 'linked'));
    await symlink(file, join(root, 'direct.png'));
    await link(file, join(root, 'hard.png'));
    expect(await paths()).toEqual(['direct.png', 'hard.png', 'linked/sub/one.png']);
  });

  it('lists links that lead nowhere and goes on', async () => {
    await put(root, 'a.png', 'x');
    await symlink(join(root, 'gone.png'), join(root, 'dangling.png'));
    const scan = await scanFolder(root);
    expect(scan.pictures).toHaveLength(1);
    expect(scan.problems).toEqual([{ path: 'dangling.png', reason: 'a link that leads nowhere' }]);
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')('lists unreadable folders and goes on', async () => {
    await put(root, 'a.png', 'x');
    await put(root, 'locked/b.png', 'x');
    await chmod(join(root, 'locked'), 0);
    const scan = await scanFolder(root);
    await chmod(join(root, 'locked'), 0o755);
    expect(scan.pictures.map(({ path }) => path)).toEqual(['a.png']);
    expect(scan.problems).toEqual([{ path: 'locked', reason: 'no permission to read it' }]);
  });

  it.skipIf(process.platform !== 'linux')('lists names that are not UTF-8', async () => {
    await put(root, 'a.png', 'x');
    await writeFile(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff, 0xfe]), Buffer.from('.png')]), 'x');
    const scan = await scanFolder(root);
    expect(scan.pictures.map(({ path }) => path)).toEqual(['a.png']);
    expect(scan.problems.map(({ reason }) => reason)).toEqual(['its name is not valid UTF-8']);
  });

  it('says so when there is no picture, no folder, or a file', async () => {
    await mkdir(join(root, 'empty.png'));
    await expect(scanFolder(root)).rejects.toThrow(UserError);
    await expect(scanFolder(root)).rejects.toThrow(/no pictures in/);
    await expect(scanFolder(join(root, 'missing'))).rejects.toThrow(/cannot be read \(gone\)/);
    await expect(scanFolder(await put(root, 'a.png', 'x'))).rejects.toThrow(/is a file/);
  });
});
