import { describe, expect, it } from 'vitest';
import { standIns } from '../../../src/engine/data';

describe('standIns', () => {
  it('goes once round: first what the epoch leaves out, then from half an epoch away backwards', () => {
    expect([...standIns(0, 6, 9)]).toEqual([6, 7, 8, 3, 2, 1, 0, 5, 4]);
    expect([...standIns(4, 6, 9)]).toEqual([7, 8, 6, 1, 0, 5, 4, 3, 2]);
    expect([...standIns(5, 6, 6)]).toEqual([2, 1, 0, 5, 4, 3]);
    expect([...standIns(0, 1, 1)]).toEqual([0]);
  });

  it('starts elsewhere for each place', () => {
    const firsts = Array.from({ length: 100 }, (_, place) => standIns(place, 100, 100).next().value);
    expect(new Set(firsts).size).toBe(100);
    expect(firsts.every((first, place) => Math.abs(first! - place) === 50)).toBe(true);
  });
});
