import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { Packr } from 'msgpackr';
import type { EngineMessage } from '../../../src/engine/protocol';
import { WIRE_LIMITS } from '../../../src/engine/protocol/wire';
import type { WindowPort } from '../../../src/engine/supervise';
import { closed, heard, say, served, type Served } from './served';

describe('messages over a socket', () => {
  let server: Served;
  let ports: WindowPort[];
  let received: unknown[];
  let socket: WebSocket;
  const closes = vi.fn();

  beforeEach(async () => {
    ports = [];
    received = [];
    closes.mockClear();
    server = await served((port) => {
      ports.push(port);
      port.onMessage((message) => received.push(message));
      port.onClose(closes);
    });
    socket = await server.open(await server.own());
  });
  afterEach(async () => {
    socket.terminate();
    await server.close();
  });

  test('go both ways, typed arrays as such', async () => {
    say(socket, { kind: 'call', id: 1, method: 'pictures.rows', params: { ids: Uint32Array.of(1, 2) } });
    await vi.waitFor(() => expect(received).toHaveLength(1));
    expect(received[0]).toEqual({ kind: 'call', id: 1, method: 'pictures.rows', params: { ids: Uint32Array.of(1, 2) } });
    const answer = heard(socket);
    ports[0]!.send({ kind: 'result', id: 1, value: { losses: Float32Array.of(0.5, 0.25) } });
    expect(await answer).toEqual({ kind: 'result', id: 1, value: { losses: Float32Array.of(0.5, 0.25) } });
  });

  test('a browser that leaves is heard of, and several are apart', async () => {
    const second = await server.open(await server.own());
    expect(ports).toHaveLength(2);
    const own = heard(second);
    ports[1]!.send({ kind: 'event', topic: 'queue', value: 2 });
    expect(await own).toMatchObject({ value: 2 });
    second.close();
    await vi.waitFor(() => expect(closes).toHaveBeenCalledTimes(1));
    ports[1]!.send({ kind: 'event', topic: 'queue', value: 3 });
    const still = heard(socket);
    ports[0]!.send({ kind: 'event', topic: 'queue', value: 4 });
    expect(await still).toMatchObject({ value: 4 });
  });

  test('a call that does not keep to the contract is answered, the rest goes by', async () => {
    const packr = new Packr({ useRecords: false });
    const answer = heard(socket);
    socket.send(packr.pack({ kind: 'call', id: 5, method: 'x', params: {}, more: 1 }));
    expect(await answer).toMatchObject({ kind: 'error', id: 5, error: { code: 'invalid' } });
    socket.send(Buffer.from([0xc1, 0xff, 0x00]));
    socket.send(packr.pack('nothing'));
    say(socket, { kind: 'cancel', id: 9 });
    await vi.waitFor(() => expect(received).toEqual([{ kind: 'cancel', id: 9 }]));
    expect(server.reports).toHaveLength(3);
  });

  test('who sends nothing but rubbish is sent away', async () => {
    const end = closed(socket);
    for (let i = 0; i < 30; i++) socket.send(Buffer.from([0xc1]));
    expect(await end).toBe(1008);
  });

  test('texts are no messages', async () => {
    const end = closed(socket);
    socket.send('{"kind":"cancel","id":1}');
    expect(await end).toBe(1003);
    expect(received).toEqual([]);
  });

  test('more than a window ever sends at once is not taken', async () => {
    const end = closed(socket);
    socket.on('error', () => {});
    socket.send(Buffer.alloc(WIRE_LIMITS.client + 1));
    expect(await end).toBe(1009);
    expect(received).toEqual([]);
  });

  test('an answer that is too large becomes an error in its place', async () => {
    const answer = heard(socket);
    ports[0]!.send({ kind: 'result', id: 3, value: new Uint8Array(WIRE_LIMITS.engine) });
    expect(await answer).toMatchObject({ kind: 'error', id: 3, error: { code: 'invalid' } });
  });

  test('who asks and does not listen is not heard until it does', async () => {
    socket.pause();
    const large: EngineMessage = { kind: 'event', topic: 'queue', value: new Uint8Array(12 * 2 ** 20) };
    ports[0]!.send(large);
    ports[0]!.send(large);
    say(socket, { kind: 'cancel', id: 1 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(received).toEqual([]);
    socket.resume();
    await vi.waitFor(() => expect(received).toEqual([{ kind: 'cancel', id: 1 }]), { timeout: 10_000 });
  });

  test('who never listens is given up, so that nothing piles up', async () => {
    socket.pause();
    const large: EngineMessage = { kind: 'event', topic: 'queue', value: new Uint8Array(60 * 2 ** 20) };
    for (let i = 0; i < 5; i++) ports[0]!.send(large);
    await vi.waitFor(() => expect(closes).toHaveBeenCalled());
    expect(server.reports.join()).toContain('too slowly');
  });
});
