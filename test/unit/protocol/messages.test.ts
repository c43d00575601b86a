/** What keeps to the contract comes through as it is; what does not is refused in one sentence. */
import { describe, expect, it } from 'vitest';
import {
  desktopMethods,
  desktopTopics,
  isDesktopName,
  methods,
  parseCall,
  parseDesktopCall,
  parseEvent,
  parseMessage,
  parseResult,
  parseSubscription,
  parsePictureAddress,
  pictureAddress,
  ProtocolError,
  topics,
  type CallMessage,
  type Params,
  type Result,
} from '../../../src/engine/protocol';

const call = (method: string, params: unknown): CallMessage => ({ kind: 'call', id: 7, method, params });

/** The one error, which has to be a single sentence of bounded length. */
function refusal(action: () => unknown): ProtocolError {
  try {
    action();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    expect(error.message.length).toBeLessThan(400);
    expect(error.message).toMatch(/^[A-Z][^\n]*\.$/);
    return error;
  }
  throw new Error('It was accepted.');
}

describe('messages', () => {
  it('accepts each kind from its own side alone', () => {
    const fromClient = [
      call('engine.info', {}),
      { kind: 'cancel', id: 7 },
      { kind: 'subscribe', topic: 'run.progress', key: 'a' },
      { kind: 'unsubscribe', topic: 'queue' },
    ];
    const fromEngine = [
      { kind: 'result', id: 7, value: null },
      { kind: 'error', id: 7, error: { message: 'No.', code: 'user' } },
      { kind: 'event', topic: 'queue', value: 1 },
    ];
    for (const message of fromClient) {
      expect(parseMessage(message, 'client')).toEqual(message);
      refusal(() => parseMessage(message, 'engine'));
    }
    for (const message of fromEngine) {
      expect(parseMessage(message, 'engine')).toEqual(message);
      refusal(() => parseMessage(message, 'client'));
    }
  });

  it('refuses hostile envelopes, and says for which call', () => {
    const hostile: unknown[] = [
      undefined,
      null,
      3,
      'call',
      [],
      {},
      { kind: 'call' },
      { kind: 'call', id: -1, method: 'a', params: {} },
      { kind: 'call', id: 1.5, method: 'a', params: {} },
      { kind: 'call', id: NaN, method: 'a', params: {} },
      { kind: 'call', id: '1', method: 'a', params: {} },
      { kind: 'call', id: 1, method: 'a'.repeat(65), params: {} },
      { kind: 'call', id: 1, method: ['a'], params: {} },
      { kind: 'call', id: 1, method: 'a', params: {}, ['x'.repeat(100_000)]: 1 },
      { kind: 'subscribe', topic: 'queue', key: 3 },
      { kind: '__proto__' },
    ];
    for (const value of hostile) refusal(() => parseMessage(value, 'client'));
    expect(refusal(() => parseMessage({ kind: 'call', id: 9, method: 3, params: {} }, 'client')).id).toBe(9);
  });
});

describe('calls', () => {
  it('gives params as they were sent', () => {
    const params: Params<'pictures.ids'> = {
      dataset: 'ab12',
      filter: {
        classes: [-1, 3],
        aspect: { from: 0.5 },
        pictures: Uint32Array.of(1, 2),
        attributes: [{ name: 'Place', values: [''] }],
      },
      sort: { by: 'mixed' },
    };
    expect(parseCall(call('pictures.ids', params))).toEqual({ id: 7, method: 'pictures.ids', params });
    const chosen = { choice: 'tray', always: false };
    expect(parseDesktopCall(call('desktop.close', chosen)).params).toEqual(chosen);
  });

  it('refuses unknown methods, those of objects, and those of the other side', () => {
    for (const method of ['runs.explode', 'constructor', '__proto__', 'toString', 'desktop.info']) {
      const error = refusal(() => parseCall(call(method, {})));
      expect(error).toMatchObject({ code: 'unknown-method', id: 7 });
    }
    expect(refusal(() => parseDesktopCall(call('runs.list', {}))).code).toBe('unknown-method');
  });

  const shown = { dataset: 'ab12', filter: {}, sort: { by: 'path' } };
  const values = { dataset: 'ab12', filter: {}, name: 'Place', from: 0, count: 10 };
  const draft = { dataset: 'ab12', preset: 'auto', hours: null, options: {} };
  const bad: [string, unknown][] = [
    ['engine.info', { extra: 1 }],
    ['engine.info', null],
    ['engine.info', []],
    ['pictures.attributeValues', { ...values, count: 2001 }],
    ['pictures.attributeValues', { ...values, from: -1 }],
    ['pictures.attributeValues', { ...values, from: Infinity }],
    ['pictures.ids', { ...shown, dataset: '../etc' }],
    ['pictures.ids', { ...shown, filter: { pictures: [1, 2] } }],
    ['pictures.ids', { ...shown, filter: { pictures: Int32Array.of(1) } }],
    ['pictures.ids', { ...shown, filter: { pictures: { length: 1, 0: 1, [Symbol.toStringTag]: 'Uint32Array' } } }],
    ['pictures.ids', { ...shown, filter: { pictures: new Uint32Array(4_000_001) } }],
    ['pictures.read', { dataset: 'ab12', picture: 2 ** 32, size: 64, partial: false }],
    ['datasets.add', { folder: 'a\0b' }],
    ['datasets.add', { folder: 'a'.repeat(5000) }],
    ['runs.get', { run: '../secret' }],
    ['runs.get', { run: '..' }],
    ['runs.get', { run: 'a\nb' }],
    ['runs.get', { run: 'con' }],
    ['runs.get', { run: 'trailing.' }],
    ['recipes.check', { ...draft, options: { lr: NaN } }],
    ['recipes.check', { ...draft, options: { lr: { $ne: 1 } } }],
    ['recipes.check', { ...draft, options: Object.fromEntries(Array.from({ length: 301 }, (_, i) => [`o${i}`, 1])) }],
    ['recipes.check', { ...draft, hours: 0 }],
    ['settings.set', { workers: 257 }],
    ['settings.set', { colour: 'red' }],
    ['monitor.steps', { run: 'a', series: ['loss', 'secret'], unit: 'step', buckets: 100 }],
    ['monitor.steps', { run: 'a', series: ['loss'], unit: 'step', buckets: 1e9 }],
    ['problems.retry', { dataset: 'ab12' }],
  ];
  it.each(bad)('refuses %s with bad params (%#)', (method, params) => {
    expect(refusal(() => parseCall(call(method, params)))).toMatchObject({ code: 'invalid', id: 7 });
  });

  it('keeps __proto__ out of options', () => {
    const options: unknown = JSON.parse('{"__proto__": {"polluted": 1}, "lr": 1}');
    let read: Record<string, unknown> = {};
    try {
      const parsed = parseCall(call('recipes.check', { ...draft, options }));
      if (parsed.method === 'recipes.check') read = parsed.params.options;
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
    }
    expect('polluted' in read).toBe(false);
    expect('polluted' in {}).toBe(false);
  });

  it('takes names that people give their runs', () => {
    for (const run of ['field-guide-s16-03', 'Vögel 2025', '鳥', 'a.b', "it's", 'console']) {
      expect(parseCall(call('runs.get', { run })).params).toEqual({ run });
    }
  });
});

describe('results and events', () => {
  it('checks results', () => {
    const value: Result<'monitor.epochs'> = {
      steps: Float64Array.of(10),
      epochs: Float64Array.of(1),
      seconds: Float64Array.of(3),
      series: { knn: Float32Array.of(NaN) },
    };
    expect(parseResult('monitor.epochs', value)).toEqual(value);
    refusal(() => parseResult('monitor.epochs', { ...value, steps: [10] }));
    const strip = { basis: 1, frames: [{ step: 1, epoch: 1, at: 0, colours: { width: 2, height: 1, rgba: new Uint8Array(8) } }] };
    expect(parseResult('monitor.strip', strip)).toEqual(strip);
    strip.frames[0]!.colours.rgba = new Uint8Array(7);
    refusal(() => parseResult('monitor.strip', strip));
    expect(parseResult('desktop.pickFolder', { path: null })).toEqual({ path: null });
  });

  it('checks topics and their keys', () => {
    expect(parseSubscription({ kind: 'subscribe', topic: 'run.steps', key: 'a' })).toEqual({ topic: 'run.steps', key: 'a' });
    expect(parseSubscription({ kind: 'subscribe', topic: 'queue' }).key).toBeUndefined();
    refusal(() => parseSubscription({ kind: 'subscribe', topic: 'run.steps' }));
    refusal(() => parseSubscription({ kind: 'subscribe', topic: 'run.steps', key: '../a' }));
    refusal(() => parseSubscription({ kind: 'subscribe', topic: 'queue', key: 'a' }));
    refusal(() => parseSubscription({ kind: 'subscribe', topic: 'hasOwnProperty' }));
    const queue = { jobs: [], held: false, endsAt: null, device: null };
    expect(parseEvent({ kind: 'event', topic: 'queue', value: queue }).value).toEqual(queue);
    refusal(() => parseEvent({ kind: 'event', topic: 'queue', value: { jobs: [] } }));
  });
});

describe('tables', () => {
  it('keep the names of the two sides apart', () => {
    for (const name of [...Object.keys(methods), ...Object.keys(topics)]) expect(isDesktopName(name)).toBe(false);
    for (const name of [...Object.keys(desktopMethods), ...Object.keys(desktopTopics)]) expect(isDesktopName(name)).toBe(true);
  });
});

describe('addresses of pictures', () => {
  it('are read as they were written', () => {
    const plain = { dataset: 'ab12', picture: 4_294_967_295, size: 256, version: 3 } as const;
    expect(parsePictureAddress(pictureAddress(plain))).toEqual(plain);
    const partial = { ...plain, partial: true };
    expect(parsePictureAddress(pictureAddress(partial))).toEqual(partial);
  });

  it('are nothing else', () => {
    const others = ['', '..', 'ab12/1/256', 'ab12/1/100/0', 'ab12/4294967296/64/0', 'ab12/../64/0'];
    const disguised = ['ab12/1/64/0/..', '/ab12/1/64/0', 'ab12/%31/64/0', 'ab12/1/64/0\n'];
    for (const other of [...others, ...disguised]) expect(parsePictureAddress(other)).toBeUndefined();
  });
});
