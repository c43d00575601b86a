import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/engine/errors';
import {
  openEventFile,
  openJsonLines,
  openNpyWriter,
  parseNpy,
  readEvents,
  readJsonLines,
  readNpy,
  truncateEvents,
  truncateJsonLines,
  writeFileAtomic,
  writeNpy,
} from '../../../src/engine/formats';
import { maskedCrc32c } from '../../../src/engine/formats/tensorboard';
import { temporaryFolder } from '../../support/temporary-folder';

const folder = temporaryFolder();

describe('writeFileAtomic', () => {
  it('replaces a file whole and leaves nothing beside it', async () => {
    const path = join(folder, 'config.json');
    await writeFileAtomic(path, 'old');
    await writeFileAtomic(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await readdir(folder)).filter((name) => name.includes('config'))).toEqual(['config.json']);
  });

  it('says in a sentence why it cannot', async () => {
    await expect(writeFileAtomic(join(folder, 'absent', 'file'), 'x')).rejects.toThrow(UserError);
  });
});

describe('a NumPy file', () => {
  it('has the bytes that numpy.save writes', async () => {
    const path = join(folder, 'a.npy');
    await writeNpy(path, Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    const bytes = await readFile(path);
    // numpy.save of float32 [2, 3]: version 1.0, header of 118 = 0x76 bytes, the data at 128.
    expect([...bytes.subarray(0, 10)]).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0x76, 0]);
    expect(bytes.subarray(10, 128).toString()).toBe(
      `${"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".padEnd(117)}\n`,
    );
    expect(bytes.length).toBe(128 + 24);
    expect(await readNpy(path)).toEqual({ shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
  });

  it('grows row by row and is there only when finished', async () => {
    const path = join(folder, 'rows.npy');
    const writer = await openNpyWriter(path, 'i32', 3, []);
    await writer.append(Int32Array.of(1, -2));
    expect(await readdir(folder)).not.toContain('rows.npy');
    await writer.append(Int32Array.of(3));
    await writer.finish();
    expect(await readNpy(path)).toEqual({ shape: [3], data: Int32Array.of(1, -2, 3) });
  });

  it('refuses a wrong number of rows, and leaves nothing', async () => {
    const writer = await openNpyWriter(join(folder, 'short.npy'), 'f32', 2, [2]);
    await writer.append(new Float32Array(2));
    await expect(writer.append(new Float32Array(4))).rejects.toThrow(/more than the 4/);
    await expect(writer.finish()).rejects.toThrow(/4 announced/);
    expect((await readdir(folder)).filter((name) => name.includes('short'))).toEqual([]);
  });

  it('that cannot take its name leaves nothing beside what has it', async () => {
    const path = join(folder, 'taken.npy');
    await mkdir(join(path, 'by a folder'), { recursive: true });
    const writer = await openNpyWriter(path, 'f32', 1, []);
    await writer.append(Float32Array.of(1));
    await expect(writer.finish()).rejects.toThrow();
    expect((await readdir(folder)).filter((name) => name.includes('taken'))).toEqual(['taken.npy']);
  });

  it.each([
    ["{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", /not supported/],
    ["{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", /column order/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", /size does not fit/],
    ['import os', /not understood/],
  ])('is refused with the header %s', (header, reason) => {
    const bytes = Buffer.concat([
      Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]),
      Buffer.from(header),
      Buffer.alloc(4),
    ]);
    expect(() => parseNpy(bytes, 'x.npy')).toThrow(reason);
    expect(() => parseNpy(bytes.subarray(0, 20), 'x.npy')).toThrow(UserError);
  });
});

describe('lines of JSON', () => {
  const collect = async (path: string): Promise<unknown[]> => {
    const values: unknown[] = [];
    for await (const value of readJsonLines(path)) values.push(value);
    return values;
  };

  it('are appended in the order of the calls, with NaN as null', async () => {
    const path = join(folder, 'order.jsonl');
    const writer = await openJsonLines(path);
    await Promise.all([1, 2, 3, NaN].map((step) => writer.append({ step })));
    await writer.flush();
    await writer.close();
    expect(await collect(path)).toEqual([{ step: 1 }, { step: 2 }, { step: 3 }, { step: null }]);
  });

  it('survive a cut last line, and go on after it', async () => {
    const path = join(folder, 'cut.jsonl');
    await writeFile(path, '{"step":1}\n{"step":2}\n{"st');
    expect(await collect(path)).toEqual([{ step: 1 }, { step: 2 }]);
    const writer = await openJsonLines(path);
    await writer.append({ step: 3 });
    await writer.close();
    expect(await readFile(path, 'utf8')).toBe('{"step":1}\n{"step":2}\n{"step":3}\n');
  });

  it('that are broken in the middle are reported with their number', async () => {
    const path = join(folder, 'broken.jsonl');
    await writeFile(path, '{"step":1}\nnope\n{"step":2}\n');
    await expect(collect(path)).rejects.toThrow(/Line 2 of/);
  });

  it('are cut back to a step', async () => {
    const path = join(folder, 'truncate.jsonl');
    await writeFile(path, Array.from({ length: 2500 }, (_, step) => `{"step":${step}}\n`).join(''));
    await truncateJsonLines(path, (value) => (value as { step: number }).step < 1203);
    const left = await collect(path);
    expect(left.length).toBe(1203);
    expect(left.at(-1)).toEqual({ step: 1202 });
  });
});

describe('a TensorBoard event file', () => {
  it('is framed as TensorFlow frames it', async () => {
    // CRC-32C of "123456789" is e3069283 (RFC 3720 and others); masked as record_writer.cc does.
    const crc = 0xe3069283;
    expect(maskedCrc32c(Buffer.from('123456789'))).toBe((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
    const path = join(folder, 'events.out.tfevents.1.host');
    await (await openEventFile(path)).close();
    const bytes = await readFile(path);
    // Every event file begins with these bytes: length 24, its checksum, field 1 as double.
    expect(bytes.subarray(0, 13).toString('hex')).toBe('1800000000000000a37f4b2209');
    expect(bytes.subarray(21, 36).toString('latin1')).toBe('\x1a\x0dbrain.Event:2');
    expect(bytes.length).toBe(12 + 24 + 4);
  });

  it('keeps scalars, appends after reopening, and is cut back to a step', async () => {
    const path = join(folder, 'events');
    const first = await openEventFile(path);
    first.add(1, { 'loss/total': 9.5, lr: 0.25 }, 1000.5);
    first.add(300, { 'loss/total': -0 }, 1001);
    await first.close();
    await appendFile(path, Buffer.from('18000000', 'hex')); // what a crash leaves
    const second = await openEventFile(path);
    second.add(2 ** 33, { name: 1 }, 1002);
    await second.close();
    const events = await readEvents(path);
    expect(events.map((event) => event.step)).toEqual([0, 1, 300, 2 ** 33]);
    expect(events[0]!.fileVersion).toBe('brain.Event:2');
    expect(events[1]).toEqual({ wallTime: 1000.5, step: 1, scalars: { 'loss/total': 9.5, lr: 0.25 } });
    await truncateEvents(path, 299);
    expect((await readEvents(path)).map((event) => event.step)).toEqual([0, 1]);
  });
});
