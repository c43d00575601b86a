/** Answers belong to their questions: what comes late, twice or for another thing changes nothing. */
import { desk } from './support/desk';
import { beforeEach, describe, expect, test } from 'vitest';
import type { LogLine, Result } from '../../../src/engine/protocol';
import { FolderView } from '../../../src/renderer/frame/folder-view.svelte';
import { Panels } from '../../../src/renderer/state/panels.svelte';
import { RunLog } from '../../../src/renderer/views/monitor/log.svelte';
import { Freeing } from '../../../src/renderer/views/runs/freeing.svelte';
import { Note } from '../../../src/renderer/views/runs/note.svelte';
import { runDetail, runSummary } from './support/run';

beforeEach(() => desk.wipe());

describe('a folder that is looked at', () => {
  const listing = (path: string): Result<'files.list'> => ({ path, parent: '/', entries: [], more: false, places: [] });

  test('is the one that was opened last, however slow the one before', async () => {
    const view = new FolderView({ kind: 'folder', title: 'Pictures', endings: [], start: '/slow' });
    const slow = await desk.asked('files.list');
    view.open('/quick');
    const quick = await desk.asked('files.list');
    await desk.answer(quick, listing('/quick'));
    await desk.answer(slow, listing('/slow'));
    expect([view.listing?.path, view.loading, view.problem]).toEqual(['/quick', false, undefined]);
    view.open('/gone');
    await desk.refuse(await desk.asked('files.list'), { message: 'There is no such folder.', code: 'user' });
    expect([view.listing?.path, view.loading, view.problem]).toEqual(['/quick', false, 'There is no such folder.']);
    view.close();
  });
});

describe('a log', () => {
  const lines = (from: number, count: number): LogLine[] =>
    Array.from({ length: count }, (_, i) => ({ line: from + i, at: 0, level: 'info' as const, text: `line ${from + i}` }));
  const total = 1200;
  const answer = async () => {
    const call = await desk.asked('monitor.log');
    const { from, count } = call.params;
    await desk.answer(call, { total, lines: lines(from, Math.min(count, total - from)) });
  };

  test('has each earlier line once, however often they are asked for', async () => {
    const log = new RunLog();
    const stop = log.follow('one');
    await desk.tell('run.log', { total, lines: [] }, 'one');
    await answer();
    await answer();
    expect([log.lines.length, log.earlier]).toEqual([500, 700]);
    const clicks = [log.showEarlier(), log.showEarlier()];
    await answer();
    await answer();
    await Promise.all(clicks);
    expect(log.lines.map(({ line }) => line)).toEqual(Array.from({ length: 1000 }, (_, i) => 200 + i));
    expect(log.earlier).toBe(200);
    stop();
  });
});

describe('panels of a run', () => {
  const image = (shade: number) => ({ width: 1, height: 1, rgba: Uint8Array.of(shade, shade, shade, 255) });
  const map = { rows: 1, columns: 1, values: Uint8Array.of(0) };
  const head = (step: number) => ({ step, epoch: step / 10, at: step });
  const panels = (...steps: number[]): Result<'monitor.panels'> => ({ basis: 0, pictures: [{ path: 'a.jpg', picture: null, image: image(1) }], panels: steps.map(head) });
  const panel = (step: number): Result<'monitor.panel'> => ({ ...head(step), basis: 0, pictures: [{ attention: map, colours: image(step) }] });
  const answerPanel = async () => {
    const call = await desk.asked('monitor.panel');
    await desk.answer(call, panel(call.params.step));
  };

  test('are asked for once at a time, and end with the newest', async () => {
    const shown = new Panels({ strip: 0, panel: true });
    const stop = shown.follow('one');
    await desk.tell('run.panel', { ...head(10), basis: 0 }, 'one');
    const first = await desk.asked('monitor.panels');
    await desk.tell('run.panel', { ...head(20), basis: 0 }, 'one');
    expect(desk.methods).toEqual(['monitor.panels']);
    await desk.answer(first, panels(10));
    await answerPanel();
    await desk.answer(await desk.asked('monitor.panels'), panels(10, 20));
    await answerPanel();
    expect(shown.sights(2)).toEqual([{ image: image(1), attention: map, colours: image(20) }]);
    stop();
  });

  test('of another run are not taken for those of the one before', async () => {
    const strip = new Panels({ strip: 8, panel: false });
    const stop = strip.follow('one');
    await desk.tell('run.panel', { ...head(10), basis: 0 }, 'one');
    await desk.answer(await desk.asked('monitor.panels'), panels(10));
    const late = await desk.asked('monitor.strip');
    stop();
    const stopOther = strip.follow('two');
    expect([strip.pictures, strip.heads, strip.strip]).toEqual([[], undefined, []]);
    await desk.answer(late, { basis: 0, frames: [{ ...head(10), colours: image(10) }] });
    expect(strip.strip).toEqual([]);
    stopOther();
  });
});

describe('checkpoints that are to be freed', () => {
  const detail = (...steps: number[]) => ({
    ...runDetail,
    saved: steps.map((step) => ({ step, epoch: step / 10, at: 0, bytes: 100, knn: null, kept: step === 20 })),
  });

  test('are those of the run that was asked about, and only what was told is deleted', async () => {
    const first = new Freeing('one', () => {});
    const late = await desk.asked('runs.get');
    first.close();
    const freeing = new Freeing('two', () => {});
    await desk.answer(late, detail(10, 20, 30));
    expect(desk.methods).not.toContain('runs.freeCheckpoints');
    expect(await freeing.free()).toBe(false);
    await desk.answer(await desk.asked('runs.get'), detail(10, 20, 40));
    const told = await desk.asked('runs.freeCheckpoints');
    expect(told.params).toEqual({ run: 'two', keepSteps: [20], dryRun: true });
    freeing.flip(10);
    await desk.answer(told, { checkpoints: 1, bytes: 100 });
    expect(freeing.told).toBeUndefined();
    await desk.answer(await desk.asked('runs.freeCheckpoints'), { checkpoints: 0, bytes: 0 });
    expect(freeing.told).toEqual({ checkpoints: 0, bytes: 0 });
    expect([10, 20, 40].map((step) => freeing.isKept(step))).toEqual([true, true, true]);
    freeing.close();
  });
});

describe('a note', () => {
  const refusal = { message: 'The disk is full.', code: 'user' as const };

  test('that cannot be saved is still there, also after something else was looked at', async () => {
    const note = new Note('one');
    note.typed = 'It learned well';
    const kept = note.keep('');
    // Leaving the field and leaving the run both keep it.
    void note.keep('');
    await desk.refuse(await desk.asked('runs.setNote'), refusal);
    await kept;
    expect(note.typed).toBe('It learned well');
    expect(desk.methods).toEqual(['runs.setNote']);

    const again = new Note('one');
    expect(again.typed).toBe('It learned well');
    expect(new Note('two').typed).toBeUndefined();
    const saved = again.keep('');
    const call = await desk.asked('runs.setNote');
    expect(call.params).toEqual({ run: 'one', note: 'It learned well' });
    again.typed = 'It learned well, twice';
    await desk.answer(call, runSummary);
    await saved;
    expect(again.typed).toBe('It learned well, twice');
    again.typed = 'It learned well';
    await again.keep('It learned well');
    expect([again.typed, new Note('one').typed]).toEqual([undefined, undefined]);
  });
});
