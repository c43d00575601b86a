/** What a folder of cases is answered with when its numbers are wrong, its files broken, or its cases unknown. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UserError } from '../../../src/engine/errors';
import { readSafetensors, writeSafetensors } from '../../../src/engine/formats';
import { runReference } from '../../../src/engine/reference';
import { atMost, within } from '../../../src/engine/reference/check';
import { testGpu } from '../../support/gpu';
import { temporaryFolder } from '../../support/temporary-folder';

const carried = join(import.meta.dirname, '../../reference');
const folder = temporaryFolder();

let sets = 0;
/** A fresh set with copies of carried cases. */
async function setOf(...cases: string[]): Promise<string> {
  const set = join(folder, `${sets++}`);
  await mkdir(set);
  for (const name of cases) await cp(join(carried, name), join(set, name), { recursive: true });
  return set;
}
const edit = async (path: string, change: (text: string) => string): Promise<void> =>
  writeFile(path, change(await readFile(path, 'utf8')));

test('a wrong number in one case fails that check and no other', async () => {
  const set = await setOf('optimizers', 'schedules');
  const path = join(set, 'optimizers', 'expected.safetensors');
  const { tensors } = await readSafetensors(path);
  (tensors.get('adamw.after.2.a.bias')!.data as Float32Array)[1]! += 1e-3;
  await writeSafetensors(path, [...tensors].map(([name, tensor]) => ({ name, ...tensor })));
  const seen: string[] = [];
  const report = await runReference(await testGpu(), set, (name) => seen.push(name));
  expect(seen).toEqual(['optimizers', 'schedules']);
  expect(report.passed).toBe(false);
  const failed = report.cases.filter((check) => !check.passed && !check.unsupported);
  expect(failed.map((check) => check.check)).toEqual(['adamw.after.2.a.bias']);
  expect(failed[0]!.worst).toBeGreaterThan(failed[0]!.limit!);
});

test('a set whose numbers hold passes; what is not built yet is said and does not count', async () => {
  const set = await setOf('optimizers', 'schedules');
  await mkdir(join(set, 'unknown'));
  await writeFile(join(set, 'unknown', 'case.json'), '{"case": "swin-forward", "config": {}, "tolerance": {}}');
  const { passed, cases } = await runReference(await testGpu(), set);
  expect(passed).toBe(true);
  const unknown = { case: 'unknown', check: 'not built yet', worst: null, limit: null, passed: false, unsupported: true };
  expect(cases.filter((check) => check.case === 'unknown')).toEqual([unknown]);
  const parts = cases.filter((check) => check.case === 'optimizers' && check.unsupported);
  expect(parts.map((check) => check.check)).toEqual(['sgd: not built yet', 'lars: not built yet']);
  await rm(join(set, 'optimizers'), { recursive: true });
  await rm(join(set, 'schedules'), { recursive: true });
  expect((await runReference(await testGpu(), set)).passed).toBe(false);
});

test('a broken or incomplete case is one failed check that says why, and the others run', async () => {
  const set = await setOf('schedules', 'knn');
  await edit(join(set, 'knn', 'case.json'), (text) => text.replace('"dim"', '"dimension"'));
  await mkdir(join(set, 'broken'));
  await writeFile(join(set, 'broken', 'case.json'), '{');
  const { passed, cases } = await runReference(await testGpu(), set);
  expect(passed).toBe(false);
  const of = (name: string) => cases.filter((check) => check.case === name);
  expect(of('broken')).toEqual([expect.objectContaining({ passed: false, worst: null, limit: null })]);
  expect(of('knn')).toEqual([expect.objectContaining({ passed: false, check: expect.stringContaining('config.dim') })]);
  expect(of('schedules').length).toBeGreaterThan(1);
  expect(of('schedules').every((check) => check.passed)).toBe(true);
});

test('a folder without cases is refused', async () => {
  await expect(runReference(await testGpu(), await setOf())).rejects.toThrow(UserError);
  await expect(runReference(await testGpu(), join(folder, 'absent'))).rejects.toThrow(UserError);
});

test('NaN, nothing and another length never pass', () => {
  const tolerance = { atol: 1, rtol: 1 };
  expect(within('a', [NaN], [0], tolerance).passed).toBe(false);
  expect(within('a', [1], [NaN], tolerance).passed).toBe(false);
  expect(within('a', [], [], tolerance).passed).toBe(false);
  expect(within('a', [1, 2], [1], tolerance).passed).toBe(false);
  expect(within('a', [3], [1], tolerance)).toMatchObject({ worst: 1, limit: 1, passed: true });
  expect(atMost('a', NaN, 1).passed).toBe(false);
});
