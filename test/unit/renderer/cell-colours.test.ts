/** Cells of the grid have the colour of what they are coloured by, whenever that comes. */
import { desk } from './support/desk';
import { beforeEach, expect, test } from 'vitest';
import type { Row } from '../../../src/renderer/views/data/shown-pictures.svelte';
import { CellColours } from '../../../src/renderer/views/data/grid/cell-colours.svelte';
import { categories, colourOf, otherColour } from '../../../src/renderer/views/data/grid/colour-scale';
import { viridisColour } from '../../../src/renderer/components/viridis';

beforeEach(() => desk.wipe());

const row = (id: number, about: Partial<Row> = {}): Row => ({
  ...{ id, path: `${id}.jpg`, width: 10, height: 10, class: 0, split: 'train', use: 'used', problem: false, version: 1 },
  ...about,
});
const attributes = [
  { name: 'camera', kind: 'text' as const, values: 2 },
  { name: 'depth', kind: 'number' as const, values: 9 },
];
const load = (colours: CellColours) => colours.load({ classes: ['birds', 'fish'], attributes }, new AbortController().signal);
const ids = Uint32Array.of(7, 8, 9);

test('categories have the colours of data, then one for all others; numbers are from viridis', () => {
  const names = Array.from({ length: 20 }, (_, i) => `c${i}`);
  const many = categories(names);
  expect(names.map((name) => colourOf(many, name))).toEqual([
    ...Array.from({ length: 16 }, (_, i) => `var(--d${i + 1})`),
    ...Array.from({ length: 4 }, () => otherColour),
  ]);
  expect(many).toMatchObject({ more: true });
  expect([undefined, '', NaN].map((value) => colourOf(many, value))).toEqual([undefined, undefined, undefined]);
  const numbers = { kind: 'numbers', from: -2, to: 6 } as const;
  expect([-2, 2, 6, 7].map((value) => colourOf(numbers, value))).toEqual([0, 0.5, 1, 1].map(viridisColour));
  expect(colourOf({ kind: 'numbers', from: 3, to: 3 }, 3)).toBe(viridisColour(0.5));
});

test('classes and sides are in the rows already', async () => {
  const colours = new CellColours('d1');
  expect(colours.mark(row(1))).toBeUndefined();
  colours.choose({ kind: 'split' });
  await load(colours);
  expect(colours.mark(row(1, { split: 'held-out' }))).toEqual({ colour: 'var(--d2)', words: 'held out' });
  colours.choose({ kind: 'class' });
  const loading = load(colours);
  const empty = { edges: Float64Array.of(0, 1), counts: Uint32Array.of(0) };
  await desk.answer(await desk.asked('pictures.facets'), {
    ...{ revision: 1, total: 15, shorterSide: empty, aspect: empty, bytes: empty, training: 15, heldOut: 0 },
    ...{ uses: { used: 15, leftOut: 0, unreadable: 0 }, attributes: [] },
    classes: [1, 0, -1].map((index) => ({ index, count: 5, selected: 0 })),
  });
  await loading;
  expect(colours.mark(row(1, { class: 1 }))).toEqual({ colour: 'var(--d1)', words: 'fish' });
  expect(colours.mark(row(1, { class: -1 }))).toBeUndefined();
  colours.want(ids, 0, 3);
  expect(desk.methods).not.toContain('pictures.attribute');
});

test('values of an attribute are asked for at once for all that is seen, and belong to the attribute that is chosen', async () => {
  const colours = new CellColours('d1');
  colours.choose({ kind: 'attribute', name: 'depth' });
  colours.want(ids, 0, 3);
  const late = await desk.asked('pictures.attribute');
  expect(late.params).toEqual({ dataset: 'd1', name: 'depth', ids });
  colours.choose({ kind: 'attribute', name: 'camera' });
  const loading = load(colours);
  const values = [
    { value: 'Canon', count: 4 },
    { value: '', count: 3 },
    { value: 'Nikon', count: 2 },
  ];
  await desk.answer(await desk.asked('pictures.attributeValues'), { total: 3, values });
  await loading;
  await desk.answer(late, { kind: 'number', numbers: Float64Array.of(1, 2, 3) });
  expect(colours.mark(row(7))).toBeUndefined();
  const now = await desk.asked('pictures.attribute');
  expect(now.params.name).toBe('camera');
  await desk.answer(now, { kind: 'text', values: ['Nikon', 'Canon'], codes: Int32Array.of(0, -1, 1) });
  expect([7, 8, 9].map((id) => colours.mark(row(id)))).toEqual([
    { colour: 'var(--d2)', words: 'Nikon' },
    undefined,
    { colour: 'var(--d1)', words: 'Canon' },
  ]);
  colours.want(ids, 0, 3);
  expect(desk.methods.filter((method) => method === 'pictures.attribute')).toHaveLength(2);
});
