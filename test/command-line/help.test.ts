import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { options, originalOptions } from '../../src/engine/ibot/recipe';
import { temporaryFolder } from '../support/temporary-folder';
import { ibot, writeRecipe } from './ibot';

const folder = temporaryFolder();
const at = (name: string): string => join(folder, name);

describe('help', () => {
  it('lists every command', async () => {
    const { status, stdout } = await ibot('--help');
    expect(status).toBe(0);
    for (const command of ['train', 'resume', 'queue', 'serve', 'knn', 'embed', 'export', 'sample', 'devices', 'doctor']) {
      expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    }
  });

  it('of train has every option of the recipe, and so every one of the original', async () => {
    const { stdout } = await ibot('train', '--help');
    for (const name of Object.keys(options)) expect(stdout).toMatch(new RegExp(`^  --${name} [<[]`, 'm'));
    expect(originalOptions.length).toBeGreaterThan(40);
    for (const own of ['out', 'preset', 'hours', 'config', 'labels', 'device', 'allow-bad', 'json', 'debug']) {
      expect(stdout).toContain(`--${own}`);
    }
  });

  it.each([
    ['resume', ['<run>', '--device', '--json']],
    ['queue', ['--library', '--hold', '--release', '--json']],
    ['serve', ['--library', '--address', '--port', '--host-name']],
    ['knn', ['--model', '--train', '--test', '--size', '--json']],
    ['embed', ['<folder>', '--model', '--out', '--patches', '--size']],
    ['export', ['<run>', '--out']],
    ['sample', ['<dir>', '--count', '--seed', '--size']],
    ['devices', ['--json']],
    ['doctor', ['--reference', '--device', '--json']],
  ])('of %s has its arguments and flags', async (command, parts) => {
    const { status, stdout } = await ibot(command, '--help');
    expect(status).toBe(0);
    for (const part of parts) expect(stdout).toContain(part);
  });
});

/** One sentence, no stack, an exit status that says so. */
async function refuses(words: string[], pattern: RegExp): Promise<void> {
  const { status, stdout, stderr } = await ibot(...words);
  expect(stderr).toMatch(pattern);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stdout).toBe('');
  expect(status).not.toBe(0);
}

describe('what cannot be done', () => {
  const run = ['--out', at('run'), '--preset', 'none'];
  it.each<[string, string[], RegExp]>([
    ['an unknown command', ['trian'], /did you mean train\?/],
    ['an unknown option', ['train', 'x', '--batch-sise', '3'], /--batch-sise.*did you mean --batch_size\?/],
    ['a missing folder', ['train', at('missing'), ...run], /missing cannot be read/],
    ['no pictures', ['train', '--out', at('run')], /Which pictures\?/],
    ['no run', ['train', at('x')], /--out/],
    ['a run among the pictures', ['train', folder, ...run], /only read/],
    ['an unknown preset', ['train', 'x', '--out', at('run'), '--preset', 'paper'], /no preset paper.*paper-vit-s/],
    ['crops that patches do not fill', ['train', 'x', ...run, '--global-crops-size', '100'], /not a multiple of patch_size 16/],
    ['a width that heads do not share', ['train', 'x', ...run, '--embed_dim=100', '--num_heads=3'], /cannot be divided/],
    ['a word for a number', ['train', 'x', ...run, '--lr', 'fast'], /lr must be a number.*"fast"/],
    ['a number without bounds', ['train', 'x', ...run, '--lr', '1e999'], /--lr is a number too large/],
    ['hours without bounds', ['train', 'x', '--out', at('run'), '--hours', '1e999'], /number is too large/],
    ['a ratio above 1', ['train', 'x', ...run, '--pred_ratio', '0', '1.5'], /pred_ratio must be/],
    ['what is not built', ['train', 'x', ...run, '--optimizer', 'lars'], /LARS is not built yet/],
    ['a missing file of options', ['train', 'x', ...run, '--config', at('none.json')], /no such file/],
    ['hours for a fixed recipe', ['train', 'x', ...run, '--hours', '1'], /--preset auto/],
    ['a run that is none', ['resume', at('missing')], /There is no folder/],
    ['a model that is none', ['embed', 'x', '--model', at('missing'), '--out', at('x')], /no such file or folder/],
    ['too many words', ['sample', at('a'), at('b')], /Too many arguments/],
    ['an impossible count', ['sample', at('a'), '--count', '0'], /whole number from 1/],
    ['cases that are none', ['doctor', '--reference', at('missing')], /no folder .*missing/],
  ])('%s is said in one sentence', (_, words, pattern) => refuses(words, pattern));

  it('a folder without pictures is said in one sentence', async () => {
    mkdirSync(at('empty'));
    writeFileSync(join(at('empty'), 'notes.txt'), 'nothing to see');
    await refuses(['train', at('empty'), ...run], /There are no pictures in/);
  });

  it('an unknown option in a file names the file and the nearest option', async () => {
    const file = writeRecipe(folder, { batch_siz: 8 });
    await refuses(['train', 'x', ...run, '--config', file], /recipe-batch_siz\.json: .*batch_siz; did you mean batch_size\?/);
  });

  it('a number without bounds in a file names the file and the option', async () => {
    const file = at('unbounded.json');
    writeFileSync(file, '{"pred_ratio": [0, 1e999]}');
    await refuses(['train', 'x', ...run, '--config', file], /unbounded\.json: pred_ratio is a number too large/);
  });

  it('a file of options may begin with the mark of Windows editors', async () => {
    const file = at('marked.json');
    writeFileSync(file, '\uFEFF{"global_crops_size": 100}');
    await refuses(['train', 'x', ...run, '--config', file], /not a multiple of patch_size 16/);
  });

  it('a run among the pictures is refused on whatever way it gets there', async () => {
    const pictures = at('true pictures');
    mkdirSync(pictures);
    symlinkSync(pictures, at('link'));
    for (const [from, out] of [
      [pictures, join(at('link'), 'deep', 'run')],
      [at('link'), join(pictures, 'run')],
    ]) {
      await refuses(['train', from!, '--out', out!, '--preset', 'none'], /only read/);
    }
    await refuses(['train', pictures, '--out', at('beside'), '--preset', 'none'], /There are no pictures/);
    expect(existsSync(at('beside'))).toBe(false);
  });

  it('a stack trace comes with --debug only', async () => {
    const { stderr } = await ibot('--debug', 'train', at('missing'), ...run);
    expect(stderr).toMatch(/missing cannot be read/);
    expect(stderr).toMatch(/^ {4}at /m);
  });
});
