import { describe, expect, test } from 'vitest';
import type { Job, RunSummary } from '../../../src/engine/protocol';
import { epochTable } from '../../../src/renderer/views/compare/epoch-table';
import { odd, runsOf, shortNames } from '../../../src/renderer/views/compare/names';
import { beforeAt, dayAndClock, timeWords } from '../../../src/renderer/views/runs/queue-words';
import { commonTags, counted, fits, type RunFilter } from '../../../src/renderer/views/runs/run-filter';

const at = (day: number, hour: number, minute: number) => new Date(2026, 10, day, hour, minute).getTime();
const now = at(27, 22, 40);

describe('the queue in words', () => {
  const waiting = { state: 'waiting', secondsLeft: 1440, beginsAt: null } as const;

  test('says when a job begins, on another day with that day', () => {
    expect(dayAndClock(at(27, 23, 5), now)).toBe('23:05');
    expect(dayAndClock(at(28, 2, 21), now)).toBe('02:21 tomorrow');
    expect(dayAndClock(at(30, 9, 0), now)).toBe('09:00 on Monday');
    expect(dayAndClock(new Date(2026, 11, 5, 9, 0).getTime(), now)).toBe('09:00 on 5 Dec');
  });

  test('says how long it takes, and why nobody knows when it begins', () => {
    expect(timeWords({ ...waiting, beginsAt: at(28, 2, 21) }, false, now)).toBe('begins about 02:21 tomorrow, takes 24 min');
    expect(timeWords({ ...waiting, beginsAt: now + 5000 }, false, now)).toBe('begins now, takes 24 min');
    expect(timeWords(waiting, false, now)).toBe('begins after what is before it, takes 24 min');
    expect(timeWords({ ...waiting, secondsLeft: null }, true, now)).toBe('begins when the queue goes on');
    expect(timeWords({ state: 'running', secondsLeft: 12_420, beginsAt: null }, false, now)).toBe('3 h 27 min left');
    expect(timeWords({ state: 'paused', secondsLeft: null, beginsAt: null }, false, now)).toBe('paused');
  });
});

describe('a job is moved', () => {
  const job = (id: number, state: Job['state'] = 'waiting', owner: Job['owner'] = 'workbench') => ({ job: id, state, owner });
  const jobs = [job(1, 'running'), job(2), job(3), job(4)];

  test('before the one that stands where it shall be', () => {
    expect(beforeAt(jobs, 4, 1)).toBe(2);
    expect(beforeAt(jobs, 2, 2)).toBe(4);
    expect(beforeAt(jobs, 2, 3)).toBe(null);
    expect(beforeAt(jobs, 3, 99)).toBe(null);
  });

  test('never before what runs, nor where it is already, nor if it is not ours', () => {
    expect(beforeAt(jobs, 3, 0)).toBe(2);
    expect(beforeAt(jobs, 2, 0)).toBeUndefined();
    expect(beforeAt(jobs, 3, 2)).toBeUndefined();
    expect(beforeAt(jobs, 1, 3)).toBeUndefined();
    expect(beforeAt([...jobs, job(5, 'waiting', 'command-line')], 5, 1)).toBeUndefined();
    expect(beforeAt(jobs, 7, 1)).toBeUndefined();
  });
});

describe('runs are found', () => {
  const run = (changes: Partial<RunSummary>) =>
    ({ run: 'field-guide-s16-02', datasetName: 'field-guide', model: 'ViT-S/16', gist: 'block masks', tags: ['baseline'], note: 'Six local crops', state: 'finished', ...changes }) as RunSummary;
  const all: RunFilter = { text: '', states: new Set(), datasets: new Set(), tags: new Set() };

  test('by words in name, dataset, model, tags and note, all of which must be there', () => {
    expect(fits(run({}), { ...all, text: 's16 SIX' })).toBe(true);
    expect(fits(run({}), { ...all, text: 'baseline vit-s' })).toBe(true);
    expect(fits(run({}), { ...all, text: 's16 orchard' })).toBe(false);
    expect(fits(run({}), all)).toBe(true);
  });

  test('by state, dataset and tag together', () => {
    expect(fits(run({}), { ...all, states: new Set(['finished', 'failed']), tags: new Set(['baseline', 'keep']) })).toBe(true);
    expect(fits(run({ state: 'stopped' }), { ...all, states: new Set(['finished']) })).toBe(false);
    expect(fits(run({ tags: [] }), { ...all, tags: new Set(['baseline']) })).toBe(false);
    expect(fits(run({}), { ...all, datasets: new Set(['orchard']) })).toBe(false);
  });

  test('with what there is to choose from, the most frequent first', () => {
    expect(counted(['b', 'a', 'c', 'c'])).toEqual([
      { value: 'c', count: 2 },
      { value: 'a', count: 1 },
      { value: 'b', count: 1 },
    ]);
    expect(commonTags([run({ tags: ['x', 'y'] }), run({ tags: ['y', 'z'] })])).toEqual(['y']);
    expect(commonTags([])).toEqual([]);
  });
});

describe('compared runs', () => {
  test('have short names of whole words', () => {
    expect(shortNames(['field-guide-s16-03', 'field-guide-s16-02', 'field-guide-ti16'])).toEqual(['s16-03', 's16-02', 'ti16']);
    expect(shortNames(['sample', 'sample-2'])).toEqual(['sample', 'sample-2']);
    expect(shortNames(['run-1', 'run-'])).toEqual(['run-1', 'run-']);
    expect(shortNames(['orchard', 'oak'])).toEqual(['orchard', 'oak']);
    expect(shortNames(['alone-1'])).toEqual(['alone-1']);
    expect(shortNames([])).toEqual([]);
  });

  test('have values marked that most others do not have', () => {
    expect(odd([8, 6, 6])).toEqual([true, false, false]);
    expect(odd([1, 2, 3])).toEqual([true, true, true]);
    expect(odd([[0, 1], [0, 1], [0, 2]])).toEqual([false, false, true]);
    expect(odd([1, 2])).toEqual([true, true]);
    expect(odd(['a', 'a'])).toEqual([false, false]);
  });

  test('are read from an address once each', () => {
    expect(runsOf('a|b c|a')).toEqual(['a', 'b c']);
    expect(runsOf(undefined)).toEqual([]);
  });

  test('are saved as a table, what was not measured empty', () => {
    const places = { steps: Float64Array.of(10, 20), epochs: Float64Array.of(1, 2), seconds: Float64Array.of(3, 6.5) };
    const text = epochTable([
      { run: 'one, two', epochs: { ...places, series: { knn: Float32Array.of(NaN, 50) } } },
      { run: 'none', epochs: undefined },
    ]);
    expect(text).toBe('run,step,epoch,seconds,knn\n"one, two",10,1,3,\n"one, two",20,2,6.5,50\n');
  });
});
