import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { csvLabels, folderLabels } from '../../../src/engine/data';
import { temporaryFolder } from '../../support/temporary-folder';
import { put } from './pictures';

describe('folderLabels', () => {
  it('takes the first folder, where at least two hold pictures', () => {
    const label = (paths: string[]): (string | null)[] => folderLabels(paths).map((found) => found.label);
    expect(label(['cat/1.png', 'cat/deep/2.png', 'dog/1.png', '3.png'])).toEqual(['cat', 'cat', 'dog', null]);
    expect(label(['all/1.png', 'all/2.png', '3.png'])).toEqual([null, null, null]);
  });
});

describe('csvLabels', () => {
  let root: string;
  const paths = ['a/1.png', 'a/2.png', 'b "x",y.png', 'c.png'];
  beforeEach(async () => {
    root = join(temporaryFolder(), 'pictures');
    await mkdir(root);
  });
  const read = async (text: string | Uint8Array, name = '../labels.csv'): ReturnType<typeof csvLabels> =>
    csvLabels(await put(root, name, text), root, paths);

  it('reads a heading, quotes, splits and a byte-order mark; pictures not named have no label', async () => {
    const { labels, problems } = await read(
      '\uFEFFpath,label,split\r\na/1.png,cat,train\r\n"b ""x"",y.png",dog,test\r\nc.png,,\r\n',
    );
    expect(labels).toEqual([
      { label: 'cat', split: 'train' },
      { label: null },
      { label: 'dog', split: 'held-out' },
      { label: null },
    ]);
    expect(problems).toEqual([]);
  });

  it('reads without a heading, with columns in another order, and with semicolons', async () => {
    expect((await read('a/1.png,cat\nc.png,dog\n')).labels.map((l) => l.label)).toEqual(['cat', null, null, 'dog']);
    expect((await read('label,size,path\ncat,3,a/1.png\n')).labels[0]).toEqual({ label: 'cat' });
    expect((await read('path;label\na/1.png;cat\n')).labels[0]).toEqual({ label: 'cat' });
  });

  it('takes paths relative to the root or to its own folder, absolute ones, and backslashes', async () => {
    const text = `pictures/a/1.png,one\na\\2.png,two\n${join(root, 'c.png')},three\n`;
    expect((await read(text)).labels.map((l) => l.label)).toEqual(['one', 'two', null, 'three']);
    expect((await read('1.png,inner\n', 'a/labels.csv')).labels[0]).toEqual({ label: 'inner' });
  });

  it('leaves pictures out, and takes a row with * for all that no other row names', async () => {
    const { labels, named } = await read('path,label,split\na/1.png,cat,left-out\na/2.png,dog,train\n*,,left-out\n');
    expect(labels.map(({ split }) => split)).toEqual(['left-out', 'train', 'left-out', 'left-out']);
    expect(named).toEqual([true, true, true, true]);
    expect((await read('path,label\n*,any\nc.png,one\n')).labels.map(({ label }) => label)).toEqual(['any', 'any', 'any', 'one']);
    await expect(read('path,label,split\n*,,left-out\n*,,train\n')).rejects.toThrow(/line 3: \* was already given otherwise in line 2/);
  });

  it('takes quoted labels as they are, and others without spaces around them', async () => {
    const { labels } = await read('path,label\na/1.png, cat \na/2.png," cat "\n');
    expect(labels.map(({ label }) => label)).toEqual(['cat', ' cat ', null, null]);
  });

  it('lists rows that name no picture', async () => {
    const { problems } = await read('path,label\na/1.png,cat\nmissing.png,dog\n');
    expect(problems).toEqual([{ path: 'missing.png', reason: 'line 3 of the labels: there is no such picture' }]);
  });

  it.each([
    ['path,label,split\na/1.png,cat,train\na/2.png,dog,sometimes\n', /line 3: the split is "sometimes"/],
    ['path,label,split\na/1.png,cat,constructor\n', /line 2: the split is "constructor"/],
    ['path,label\na/1.png,cat\na/2.png\n', /line 3: expected path,label/],
    ['a/1.png,cat,train,more\n', /line 1: expected path,label/],
    ['path,label\na/1.png,cat\n\na/1.png,dog\n', /line 4: a\/1.png was already given otherwise in line 2/],
    ['path,label\na/1.png,"cat\n', /line \d+: the quotes/],
    ['path,label\n,cat\n', /line 2: the path is empty/],
    ['path,label\nx.png,cat\n', /no row names a picture .*line 2 names "x.png"/],
    ['', /no row names a picture .*it has no rows/],
    [Buffer.from([0x61, 0x2c, 0x62, 0x0a, 0xe9, 0x2c, 0x62, 0x0a]), /line 2: this is not UTF-8/],
  ])('names the line of %j', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  it('says so when the file is missing', async () => {
    await expect(csvLabels(join(root, 'none.csv'), root, paths)).rejects.toThrow(/none.csv cannot be read \(gone\)/);
  });
});
