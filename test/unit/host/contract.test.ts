import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../../src/engine/errors';
import type { Host } from '../../../src/engine/host';
import { Connection } from '../../../src/engine/host/connection';
import { HostError } from '../../../src/engine/host/host-error';
import { SettingsStore } from '../../../src/engine/host/settings';
import { TopicHub } from '../../../src/engine/host/topic-hub';
import type { EngineMessage, Handlers, MethodName, TopicValue } from '../../../src/engine/protocol';
import { type CallError, openTinyHost, TestWindow, until, type TinyHost } from './tiny-host';

let tiny: TinyHost;

beforeAll(async () => {
  tiny = await openTinyHost(undefined, undefined);
});
afterAll(() => tiny.host.close('discard'));

/** A connection of its own to handlers of its own. */
function connect(handlers: Partial<Handlers<MethodName>>): { window: TestWindow; reported: unknown[] } {
  const reported: unknown[] = [];
  const hub = new TopicHub({}, (error) => reported.push(error));
  const report = (error: unknown): void => void reported.push(error);
  const host = { serve: (port: ConstructorParameters<typeof Connection>[0]) => void new Connection(port, { handlers, hub, report }) };
  return { window: new TestWindow(host as unknown as Host), reported };
}

describe('whatever comes in, the engine goes on', () => {
  const rubbish: unknown[] = [
    undefined,
    null,
    5,
    'call',
    [],
    {},
    { kind: 'call' },
    { kind: 'call', id: -1, method: 'engine.info', params: {} },
    { kind: 'call', id: 1e99, method: 'engine.info', params: {} },
    { kind: 'result', id: 1, value: 1 },
    { kind: 'subscribe', topic: 'nothing' },
    { kind: 'subscribe', topic: 'tasks', key: 'key' },
    { kind: 'subscribe', topic: 'run.steps' },
    { kind: 'subscribe', topic: 'run.steps', key: '../..' },
    { kind: 'subscribe', topic: 'desktop.theme' },
    { kind: 'subscribe', topic: '__proto__' },
    { kind: 'unsubscribe', topic: 'run.steps', key: 'never' },
    { kind: 'cancel', id: 12_345 },
    { kind: 'event', topic: 'tasks', value: {} },
    new Map([['kind', 'call']]),
    new Float32Array(4),
  ];
  test.each(rubbish.map((message) => [message]))('%j', async (message) => {
    const window = new TestWindow(tiny.host);
    window.send(message);
    expect((await window.call('engine.info', {})).processId).toBe(process.pid);
  });

  test.each([
    [{ kind: 'call', id: 7, method: 'nothing.there', params: {} }, 'unknown-method'],
    [{ kind: 'call', id: 7, method: '__proto__', params: {} }, 'unknown-method'],
    [{ kind: 'call', id: 7, method: 'desktop.info', params: {} }, 'unknown-method'],
    [{ kind: 'call', id: 7, method: 'runs.get', params: {} }, 'invalid'],
    [{ kind: 'call', id: 7, method: 'runs.get', params: { run: '../../etc' } }, 'invalid'],
    [{ kind: 'call', id: 7, method: 'runs.get', params: { run: 'none', more: 1 } }, 'invalid'],
    [{ kind: 'call', id: 7, method: 'runs.get', params: { run: 'none' } }, 'not-found'],
    [{ kind: 'call', id: 7, method: 'monitor.steps', params: { run: 'none', series: ['loss'], unit: 'step', buckets: 1e9 } }, 'invalid'],
    [{ kind: 'call', id: 7, method: 'files.list', params: { path: '/nowhere/at/all' } }, 'user'],
    [{ kind: 'call', id: 7, method: 'files.list', params: { path: 'a\0b' } }, 'invalid'],
    [{ kind: 'call', id: 7, extra: 1, method: 'engine.info', params: {} }, 'invalid'],
    [{ kind: 'call', id: 7, method: 'settings.set', params: { workers: NaN } }, 'invalid'],
    [{ kind: 'call', id: 7, method: 'settings.set', params: { device: 'a device that is not there' } }, 'user'],
  ])('%j is answered: %s', async (message, code) => {
    const window = new TestWindow(tiny.host);
    const answer = window.answer(7);
    window.send(message);
    expect(await answer).toMatchObject({ kind: 'error', id: 7, error: { code } });
  });
});

describe('errors', () => {
  const failing = (error: unknown): Partial<Handlers<MethodName>> => ({
    'engine.licences': () => {
      throw error;
    },
  });
  test.each([
    [new UserError('The disk is full: free some space.'), { code: 'user', message: 'The disk is full: free some space.' }],
    [new HostError('busy', 'Later.'), { code: 'busy', message: 'Later.' }],
    [new TypeError('x is undefined'), { code: 'unexpected', message: expect.stringMatching(/^Something unexpected .*x is undefined/) as string }],
  ])('%s', async (error, expected) => {
    const { window, reported } = connect(failing(error));
    const call = window.call('engine.licences', {});
    await expect(call).rejects.toMatchObject({ error: expected });
    // Defects alone are told to the log, and come with their stack.
    expect(reported).toHaveLength(expected.code === 'unexpected' ? 1 : 0);
    const thrown = await call.catch((each: unknown) => each);
    expect((thrown as CallError).error.detail !== undefined).toBe(expected.code === 'unexpected');
  });

  test('an answer that does not keep to the contract is a defect, not an answer', async () => {
    const { window, reported } = connect({ 'engine.licences': () => ({ markdown: 5 }) as never });
    await expect(window.call('engine.licences', {})).rejects.toMatchObject({ error: { code: 'unexpected' } });
    expect(reported).toHaveLength(1);
  });
});

describe('a call', () => {
  test('that is cancelled, or whose window closes, hears of it', async () => {
    const aborted: number[] = [];
    let calls = 0;
    const { window } = connect({
      'engine.licences': (_params, { signal }) => {
        const call = ++calls;
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted.push(call);
            reject(signal.reason as Error);
          });
        });
      },
    });
    const answer = window.answer(40);
    window.send({ kind: 'call', id: 40, method: 'engine.licences', params: {} });
    window.send({ kind: 'cancel', id: 40 });
    expect(await answer).toMatchObject({ kind: 'error', error: { code: 'cancelled' } });
    window.send({ kind: 'call', id: 41, method: 'engine.licences', params: {} });
    window.close();
    await until(() => aborted.length === 2);
    expect(window.messages).toHaveLength(1);
  });

  test('with the number of an open one is refused, and the open one is answered', async () => {
    let finish: (value: { markdown: string }) => void = () => undefined;
    const { window } = connect({ 'engine.licences': () => new Promise((resolve) => (finish = resolve)) });
    for (let i = 0; i < 2; i++) window.send({ kind: 'call', id: 3, method: 'engine.licences', params: {} });
    await until(() => window.messages.length === 1);
    expect(window.messages[0]).toMatchObject({ kind: 'error', id: 3, error: { code: 'invalid' } });
    finish({ markdown: 'text' });
    await until(() => window.messages.length === 2);
    expect(window.messages[1]).toMatchObject({ kind: 'result', id: 3, value: { markdown: 'text' } });
  });
});

describe('topics', () => {
  test('begin with the present value; what comes meanwhile comes after it', async () => {
    let resolve: (value: TopicValue<'tasks'>) => void = () => undefined;
    const hub = new TopicHub({ tasks: () => new Promise((done) => (resolve = done)) }, () => undefined);
    const got: EngineMessage[] = [];
    const end = hub.subscribe('tasks', undefined, (message) => got.push(message));
    const task = { kind: 'index', title: 'later', dataset: null, run: null, state: 'running', done: 0, total: null } as const;
    hub.emit('tasks', undefined, { tasks: [{ task: 1, ...task, unit: 'files', secondsLeft: null, cancellable: true, message: null }] });
    expect(got).toEqual([]);
    resolve({ tasks: [] });
    await until(() => got.length === 2);
    expect(got.map((message) => message.kind === 'event' && (message.value as TopicValue<'tasks'>).tasks.length)).toEqual([0, 1]);
    end();
    hub.emit('tasks', undefined, { tasks: [] });
    await new Promise((done) => setTimeout(done, 300));
    expect(got).toHaveLength(2);
    hub.close();
  });

  test('that tell the whole state are told at their pace, the last value for certain', async () => {
    const hub = new TopicHub({ 'engine.status': () => ({ state: 'ready', message: null, busy: false }), queue: () => queue(0) }, () => undefined);
    const queue = (endsAt: number): TopicValue<'queue'> => ({ jobs: [], held: false, endsAt, device: null });
    const got: number[] = [];
    hub.subscribe('queue', undefined, (message) => got.push((message as unknown as { value: { endsAt: number } }).value.endsAt));
    await until(() => got.length === 1);
    for (let i = 1; i <= 100; i++) hub.emit('queue', undefined, queue(i));
    await until(() => got.at(-1) === 100);
    expect(got).toEqual([0, 1, 100]);
    hub.close();
  });
});

test('what runs here, settings that last, and files', async () => {
  const { window, library } = tiny;
  const info = await window.call('engine.info', {});
  expect(info).toMatchObject({ protocol: 2, served: false, processId: process.pid });
  expect(info.webgpu).toMatch(/^\d+\.\d+/);
  await until(async () => (await window.call('devices.status', {})).device !== null);
  expect((await window.call('devices.list', {})).devices.filter(({ current }) => current)).toHaveLength(1);
  const { settings } = await window.call('settings.set', { workers: 3 });
  expect(settings.workers).toBe(3);
  expect((await SettingsStore.read(join(library, 'settings.json'))).current.workers).toBe(3);
  const status = await window.call('library.status', {});
  expect(status).toMatchObject({ folder: library, runs: 0, trash: { items: 0, bytes: 0 } });
  const listed = await window.call('files.list', { path: library });
  expect(listed.entries.map(({ name }) => name)).toEqual(expect.arrayContaining(['runs', 'library.json']));
  expect(listed.entries.map(({ name }) => name)).not.toContain('.trash');
});
