import { describe, expect, test } from 'vitest';
import { choose, chooseAll, nothingSelected, walk, withoutGone, type RowSelection } from '../../../src/renderer/components/row-selection';
import { rowsInSight, sortRows, type Column } from '../../../src/renderer/components/table';

const order = ['a', 'b', 'c', 'd', 'e'];
const selected = (now: RowSelection) => [...now.selected].sort().join('');

describe('rows are selected', () => {
  test('one alone, and others added and taken away', () => {
    let now = choose(order, nothingSelected, 'b', 'one');
    now = choose(order, now, 'd', 'toggle');
    expect(selected(now)).toBe('bd');
    expect(now.current).toBe('d');
    expect(selected(choose(order, now, 'b', 'toggle'))).toBe('d');
    expect(selected(choose(order, now, 'e', 'one'))).toBe('e');
  });

  test('from the anchor to another, whichever way, and anew from the same anchor', () => {
    const anchored = choose(order, nothingSelected, 'c', 'one');
    expect(selected(choose(order, anchored, 'e', 'range'))).toBe('cde');
    expect(selected(choose(order, choose(order, anchored, 'e', 'range'), 'a', 'range'))).toBe('abc');
    expect(selected(choose(order, nothingSelected, 'c', 'range'))).toBe('c');
  });

  test('by keys: the first press begins at an end, and nobody walks off the list', () => {
    expect(walk(order, nothingSelected, 1, 'one').current).toBe('a');
    expect(walk(order, nothingSelected, Infinity, 'one').current).toBe('e');
    const last = choose(order, nothingSelected, 'e', 'one');
    expect(walk(order, last, 3, 'one').current).toBe('e');
    expect(walk(order, last, -Infinity, 'one').current).toBe('a');
    expect(selected(walk(order, last, -2, 'range'))).toBe('cde');
    const walked = walk(order, last, -1, 'walk');
    expect([selected(walked), walked.current]).toEqual(['e', 'd']);
    expect(walk([], nothingSelected, 1, 'one')).toBe(nothingSelected);
  });

  test('all, and never any that is gone', () => {
    const all = chooseAll(order, nothingSelected);
    expect(selected(all)).toBe('abcde');
    const left = withoutGone(all, (key) => key !== 'a');
    expect([selected(left), left.current]).toEqual(['bcde', undefined]);
    expect(withoutGone(all, () => true)).toBe(all);
  });
});

describe('rows of a table', () => {
  const columns: Column<{ name: string; knn: number | null }>[] = [
    { name: 'name', title: 'Name', sortBy: ({ name }) => name },
    { name: 'knn', title: 'k-NN', sortBy: ({ knn }) => knn },
    { name: 'note', title: 'Note' },
  ];
  const rows = [
    { name: 'run-10', knn: null },
    { name: 'run-9', knn: 40 },
    { name: 'run-1', knn: 60 },
  ];
  const names = (sorting: { column: string; descending: boolean } | undefined) => sortRows(rows, columns, sorting).map(({ name }) => name);

  test('are sorted with numbers in names as numbers, and without a value last whichever way', () => {
    expect(names({ column: 'name', descending: false })).toEqual(['run-1', 'run-9', 'run-10']);
    expect(names({ column: 'knn', descending: true })).toEqual(['run-1', 'run-9', 'run-10']);
    expect(names({ column: 'knn', descending: false })).toEqual(['run-9', 'run-1', 'run-10']);
    expect(names({ column: 'note', descending: false })).toEqual(['run-10', 'run-9', 'run-1']);
    expect(names(undefined)).toEqual(['run-10', 'run-9', 'run-1']);
  });

  test('are drawn where they are in sight, and some beyond', () => {
    expect(rowsInSight(500, 40, 0, 400, 2)).toEqual({ from: 0, to: 12 });
    expect(rowsInSight(500, 40, 4000, 400, 2)).toEqual({ from: 98, to: 112 });
    expect(rowsInSight(500, 40, 20_000, 400, 2)).toEqual({ from: 498, to: 500 });
    expect(rowsInSight(0, 40, 0, 400)).toEqual({ from: 0, to: 0 });
  });
});
