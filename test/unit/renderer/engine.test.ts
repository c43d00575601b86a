import { desk, settled } from './support/desk';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { engine, EngineError } from '../../../src/renderer/state';

describe('a call', () => {
  beforeEach(async () => {
    await desk.engineIs('ready');
    desk.wipe();
  });
  afterAll(() => desk.engineIs('ready'));

  const remove = () => engine.call('runs.remove', { runs: ['one'] });
  const reason = (call: Promise<unknown>) =>
    call.then(
      () => 'answered',
      (error: EngineError) => `${error.code}: ${error.message}`,
    );

  test('is answered, or fails with the reason that was given', async () => {
    const done = engine.call('warnings.see', {});
    await desk.answer(await desk.asked('warnings.see'), null);
    expect(await done).toBeNull();
    const failed = reason(remove());
    await desk.refuse(await desk.asked('runs.remove'), { message: 'one is going: stop it first.', code: 'user' });
    expect(await failed).toBe('user: one is going: stop it first.');
  });

  test('before the engine is ready waits for it', async () => {
    await desk.engineIs('restarting');
    const done = engine.call('warnings.see', {});
    await settled();
    expect(desk.methods).toEqual([]);
    await desk.engineIs('ready');
    await desk.answer(await desk.asked('warnings.see'), null);
    expect(await done).toBeNull();
  });

  test('while the engine has stopped fails at once, and never happens', async () => {
    const before = reason(remove());
    await desk.engineIs('stopped');
    const meanwhile = [reason(remove()), reason(remove())];
    const sentence = 'gone: The engine has stopped: start it again in the status bar.';
    expect(await Promise.all([before, ...meanwhile])).toEqual([sentence, sentence, sentence]);
    await desk.engineIs('starting');
    await desk.engineIs('ready');
    expect(desk.methods).toEqual(['runs.remove']);
  });

  test('of the desktop is for the desktop, whatever became of the engine', async () => {
    await desk.engineIs('stopped');
    const restarted = engine.call('desktop.restartEngine', {});
    await settled();
    expect(desk.methods).toEqual(['desktop.restartEngine']);
    await desk.answer(await desk.asked('desktop.restartEngine'), null);
    expect(await restarted).toBeNull();
  });
});
