import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';

const eslint = new ESLint();

async function complaints(filePath: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath });
  return (result?.messages ?? []).map((message) => `${message.ruleId ?? 'parse'}: ${message.message}`);
}

describe('lint rules', () => {
  it.each([
    ['gpu', '../graph'],
    ['graph', '../ops'],
    ['ops', '../nn/vit'],
    ['nn', '../ibot'],
    ['ibot', '../runs'],
    ['runs', '../jobs'],
    ['jobs', '../host'],
    ['data', '../nn'],
    ['formats', '../gpu'],
    ['evaluate', '../runs'],
    ['gpu', '../cli/main'],
  ])('%s does not import %s', async (room, target) => {
    const found = await complaints(`src/engine/${room}/thing.ts`, `import { x } from '${target}';\nexport const y = x;\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^engine/import-direction: ${room} may not import ${target.split('/')[1]}:`));
  });

  it.each([
    ['graph', '../gpu'],
    ['nn', '../ops/linear'],
    ['runs', '../evaluate'],
    ['evaluate', '../nn'],
    ['formats', '../errors'],
    ['data', '../random'],
    ['cli', '../jobs'],
    ['gpu', './device'],
  ])('%s imports %s', async (room, target) => {
    expect(await complaints(`src/engine/${room}/thing.ts`, `export { x } from '${target}';\n`)).toEqual([]);
  });

  it('sees types, re-exports and dynamic imports, and nested files', async () => {
    const direction = [expect.stringContaining('engine/import-direction')];
    expect(await complaints('src/engine/gpu/a.ts', `import type { T } from '../nn';\nexport type U = T;\n`)).toEqual(direction);
    expect(await complaints('src/engine/gpu/a.ts', `export * from '../nn';\n`)).toEqual(direction);
    expect(await complaints('src/engine/gpu/a.ts', `export const load = () => import('../nn');\n`)).toEqual(direction);
    expect(await complaints('src/engine/data/sample/a.ts', `export * from '../../nn';\n`)).toEqual(direction);
  });

  it('keeps the engine apart from the rest, errors from the rooms, and asks for a place for a new room', async () => {
    expect(await complaints('src/engine/cli/a.ts', `export * from '../../main/window';\n`)).toEqual([
      expect.stringContaining('imports nothing from outside src/engine'),
    ]);
    expect(await complaints('src/engine/errors.ts', `export * from './gpu';\n`)).toEqual([
      expect.stringContaining('errors may not import gpu'),
    ]);
    expect(await complaints('src/engine/attic/a.ts', `export const a = 1;\n`)).toEqual([expect.stringContaining('has no place')]);
  });

  it('keeps views apart from each other, and what they are made of from them', async () => {
    const inView = (code: string) => complaints('src/renderer/views/home/a.ts', code);
    expect(await inView(`export * from '../runs/queue-words';\n`)).toEqual([expect.stringContaining('The view home may not import the view runs')]);
    expect(await inView(`export const load = () => import('../runs/queue-words');\n`)).toHaveLength(1);
    expect(await inView(`export * from './step';\nexport * from '../../curves';\nexport * from '../../frame/keys';\n`)).toEqual([]);
    expect(await complaints('src/renderer/views/data/grid/a.ts', `export * from '../dataset-state.svelte';\n`)).toEqual([]);
    expect(await complaints('src/renderer/components/a.ts', `export * from '../state';\n`)).toEqual([expect.stringContaining('components may not import state')]);
    expect(await complaints('src/renderer/frame/a.ts', `export * from '../views/home/words';\n`)).toEqual([expect.stringContaining('frame may not import views')]);
    const script = `<script lang="ts">\n  import Row from '../runs/Row.svelte';\n</script>\n\n<Row />\n`;
    expect(await complaints('src/renderer/views/home/A.svelte', script)).toEqual([expect.stringContaining('The view home may not import the view runs')]);
  });

  it('refuses any, default exports, file extensions, and console outside the command line', async () => {
    const inGpu = (code: string) => complaints('src/engine/gpu/a.ts', code);
    expect(await inGpu('export const a = (x: any) => x;\n')).toEqual([expect.stringContaining('no-explicit-any')]);
    expect(await inGpu('export default 1;\n')).toEqual([expect.stringContaining('Export by name')]);
    expect(await inGpu(`export * from './device.ts';\n`)).toEqual([expect.stringContaining('without the file extension')]);
    expect(await inGpu(`console.log('x');\n`)).toEqual([expect.stringContaining('no-console')]);
    expect(await complaints('src/engine/cli/a.ts', `console.log('x');\n`)).toEqual([]);
  });

  it('sends tests to the one helper for temporary folders', async () => {
    const code = `import { mkdtemp } from 'node:fs/promises';\nexport const folder = mkdtemp('x');\n`;
    expect(await complaints('test/unit/a.test.ts', code)).toEqual([expect.stringContaining('temporaryFolder()')]);
    expect(await complaints('src/engine/gpu/a.ts', code)).toEqual([]);
  });
});
