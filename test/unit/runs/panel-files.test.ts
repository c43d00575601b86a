import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeSafetensors, type SafetensorsEntry } from '../../../src/engine/formats';
import { panelSteps, readPanel, readPanelHead, readPictures } from '../../../src/engine/runs';
import { readBasis, writeBasis, writePanel, writePictures } from '../../../src/engine/runs/panel-files';
import { temporaryFolder } from '../../support/temporary-folder';

const basis = { mean: new Float32Array(3), directions: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), low: new Float32Array(3), high: Float32Array.of(1, 1, 1) };

test('what is written is read: pictures, panels by one basis, one picture of a panel', async () => {
  const folder = temporaryFolder();
  const pictures = { paths: ['a.png', 'b/c.png'], size: 4, patchSize: 2, rgb: [new Uint8Array(48).fill(1), new Uint8Array(48).fill(2)] };
  await writePictures(folder, pictures);
  expect(await readPictures(folder)).toEqual(pictures);
  await writeBasis(folder, basis, 5);
  const known = (await readBasis(folder))!;
  expect(known.step).toBe(5);
  // Two pictures of four patches of three values.
  const features = Float32Array.from({ length: 24 }, (_, i) => i / 23);
  const attention = Uint8Array.from({ length: 8 }, (_, i) => i);
  await writePanel(folder, 2, { step: 7, epoch: 0.5, at: 1000, attention, features });
  expect(await panelSteps(folder)).toEqual([7]);
  expect(await readPanelHead(folder, 7)).toEqual({ step: 7, epoch: 0.5, at: 1000 });
  const panel = (await readPanel(folder, 7, known))!;
  expect(panel.attention.map((map) => [...map])).toEqual([[0, 1, 2, 3], [4, 5, 6, 7]]);
  panel.colours.forEach((rgba, picture) => {
    rgba.forEach((value, i) => {
      const wanted = i % 4 === 3 ? 255 : (255 * (picture * 12 + Math.floor(i / 4) * 3 + (i % 4))) / 23;
      expect(Math.abs(value - wanted)).toBeLessThan(2);
    });
  });
  const second = (await readPanel(folder, 7, known, 1))!;
  expect([second.colours[0]!.length, second.colours[1]]).toEqual([0, panel.colours[1]]);
  expect(await readPanel(folder, 8, known)).toBeUndefined();
  expect(await readPanel(folder, 7, { ...basis, mean: new Float32Array(4) })).toBeUndefined();
});

test('files that are none of ours are as good as not there', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'pictures.safetensors');
  await writeFile(file, 'nothing of the kind');
  expect(await readPictures(folder)).toBeUndefined();
  const rgb = (shape: number[], bytes: number): SafetensorsEntry => ({ name: 'rgb', dtype: 'U8', shape, data: new Uint8Array(bytes) });
  for (const [entry, about] of [
    [rgb([1, 2, 2, 3], 12), { paths: 'not a list', patchSize: '2' }],
    [rgb([1, 2, 2, 3], 12), { paths: '["a", "b"]', patchSize: '2' }],
    [rgb([1, 2, 2, 3], 12), { paths: '["a"]', patchSize: '0' }],
    [rgb([1, 3, 3, 3], 27), { paths: '["a"]', patchSize: '2' }],
  ] as const) {
    await writeSafetensors(file, [entry], about);
    expect(await readPictures(folder)).toBeUndefined();
  }
});
