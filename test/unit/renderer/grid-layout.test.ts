import { describe, expect, test } from 'vitest';
import { cellPlaces, gridLayout, visiblePlaces } from '../../../src/renderer/views/data/grid/grid-layout';

describe('the cells of the grid', () => {
  const [width, height, count] = [1000, 700, 5003];
  const layout = gridLayout(width, 110, count);
  const shownAt = (offset: number) => {
    const [from, to] = visiblePlaces(layout, offset, height, count);
    return { visible: Array.from({ length: to - from }, (_, i) => from + i), cells: cellPlaces(layout, from, height, count) };
  };
  const bottom = layout.height - height;

  test.each([0, 1, 59, 118, 4321.5, bottom - 1, bottom])('show all that can be seen at %d, each once', (offset) => {
    const { visible, cells } = shownAt(offset);
    const places = cells.map(({ place }) => place);
    expect(new Set(places).size).toBe(places.length);
    expect(places).toEqual(expect.arrayContaining(visible));
    expect(new Set(cells.map(({ cell }) => cell)).size).toBe(cells.length);
    expect(Math.min(...places)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...places)).toBeLessThan(count);
  });

  test('keep showing what stays in view while it scrolls', () => {
    const before = new Map(shownAt(1000).cells.map(({ place, cell }) => [place, cell]));
    const after = shownAt(1000 + 3 * layout.pitch).cells;
    const kept = after.filter(({ place }) => before.has(place));
    expect(kept.length).toBeGreaterThan(after.length / 2);
    for (const { place, cell } of kept) expect(before.get(place)).toBe(cell);
    expect(after).toHaveLength(before.size);
  });

  test('are as many as there are pictures where these are few', () => {
    expect(cellPlaces(gridLayout(width, 110, 3), 0, height, 3)).toEqual([0, 1, 2].map((place) => ({ cell: place, place })));
  });
});
