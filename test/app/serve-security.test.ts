import { renameSync, symlinkSync } from 'node:fs';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { Packr } from 'msgpackr';
import { PICTURE_BASE, type EngineMessage, type ErrorValue } from '../../src/engine/protocol';
import { decodeMessage } from '../../src/engine/protocol/wire';
import { albumWithLinksOut, climbingAddresses, forbiddenCalls, malformedCalls, rubbish, type Album } from './support/hostile';
import { prepareServing, serveProgram, type ServedProgram } from './support/serve';
import { until } from './support/until';

const packr = new Packr({ useRecords: false });

describe('the served workbench, with its engine', () => {
  let program: ServedProgram;
  let port: number;
  let token: string;
  let cookie: string;
  let album: Album;
  let window: Client;
  let dataset: string;

  beforeAll(async () => {
    await prepareServing();
    album = await albumWithLinksOut();
    program = await serveProgram();
    port = Number(new URL(program.address).port);
    token = new URL(program.address).searchParams.get('token')!;
    cookie = String((await get(`/?token=${token}`)).headers['set-cookie']).split(';')[0]!;
    window = await connect(port, { cookie, origin: `http://127.0.0.1:${port}` });
    dataset = await addAlbum();
  }, 600_000);
  afterAll(async () => {
    window?.socket.close();
    await program?.close();
  });

  /** Asks for a path as it is written here. */
  const get = (path: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }>((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path, headers: { host: `127.0.0.1:${port}`, ...headers }, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }));
      });
      asked.on('error', reject);
      asked.end();
    });

  async function addAlbum(): Promise<string> {
    // Once its process has begun, the engine may still need a moment.
    await until('answer of the engine', async () => (await window.call('engine.info', {})).error === undefined);
    const { value } = await window.call('datasets.add', { folder: album.folder });
    const { dataset: id } = (value as { dataset: { dataset: string } }).dataset;
    await until('end of reading', async () => ((await window.call('datasets.get', { dataset: id })).value as { task: number | null }).task === null);
    return id;
  }

  test('lets nobody in without the token, by another name, or from another page', async () => {
    const own = `http://127.0.0.1:${port}`;
    expect((await get('/index.html')).status).toBe(401);
    expect((await get(`/?token=${token.slice(1)}`)).status).toBe(401);
    expect((await get('/index.html', { cookie: `${cookie}x` })).status).toBe(401);
    for (const host of ['rebound.example', `rebound.example:${port}`, `127.0.0.1.rebound.example:${port}`]) {
      expect((await get(`/?token=${token}`, { host, cookie })).status, host).toBe(403);
    }
    expect((await get('/index.html', { cookie, origin: 'https://elsewhere.example' })).status).toBe(403);
    expect((await get(`${PICTURE_BASE.served}${dataset}/0/256/0`, { cookie, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).status).toBe(403);
    const refused = (headers: Record<string, string>) => connect(port, headers).then(() => 'opened', (error: Error) => error.message);
    expect(await refused({ origin: own })).toBe('401');
    expect(await refused({ origin: own, cookie: `${cookie}x` })).toBe('401');
    expect(await refused({ cookie })).toBe('403');
    expect(await refused({ cookie, origin: 'https://elsewhere.example' })).toBe('403');
    expect(await refused({ cookie, origin: `http://rebound.example:${port}`, host: `rebound.example:${port}` })).toBe('403');
  });

  test('shows pictures of datasets by their numbers, and no file by a path or a link', async () => {
    const statusOf = async (rest: string) => (await get(`${PICTURE_BASE.served}${rest}`, { cookie })).status;
    expect(await statusOf(`${dataset}/0/2048/0`)).toBe(200);
    for (const address of climbingAddresses(dataset)) expect([400, 404], address).toContain(await statusOf(address));
    renameSync(album.own, `${album.own}.before`);
    symlinkSync(album.secret, album.own);
    expect(await statusOf(`${dataset}/0/2048/1`)).toBe(404);
    expect(await statusOf(`${dataset}/0/8192/0/partial`)).toBe(404);
  });

  test('answers that messages are wrong, for every method, and goes on', async () => {
    const engine = program.enginePid();
    const calls = malformedCalls(1000);
    const answers = await Promise.all(calls.map((call) => window.send(call)));
    expect(calls.filter((_, i) => answers[i]!.error?.code !== 'invalid')).toEqual([]);
    for (const { code, method, params } of forbiddenCalls(dataset)) {
      expect((await window.call(method, params)).error?.code, `${method} ${JSON.stringify(params)}`).toBe(code);
    }
    const stranger = await connect(port, { cookie, origin: `http://127.0.0.1:${port}` });
    const ended = new Promise<number>((resolve) => stranger.socket.on('close', resolve));
    for (const message of rubbish) stranger.socket.send(packr.pack(message));
    for (let i = 0; i < 20; i++) stranger.socket.send(Buffer.from([0xc1, i]));
    expect(await ended).toBe(1008);
    expect((await window.call('engine.info', {})).error).toBeUndefined();
    expect(program.enginePid()).toBe(engine);
  });
});

interface Answer {
  value?: unknown;
  error?: ErrorValue;
}

interface Client {
  socket: WebSocket;
  send(message: { id: number }): Promise<Answer>;
  call(method: string, params: unknown): Promise<Answer>;
}

/** A window of whoever sends these headers; rejects with the status that it was refused with. */
function connect(port: number, headers: Record<string, string>): Promise<Client> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/engine`, { headers });
  const waiting = new Map<number, (answer: Answer) => void>();
  let next = 1;
  socket.on('message', (data, isBinary) => {
    if (!isBinary) return;
    const message: EngineMessage = decodeMessage(data as Buffer, 'engine');
    if (message.kind === 'event') return;
    waiting.get(message.id)?.(message.kind === 'error' ? { error: message.error } : { value: message.value });
  });
  const send = (message: { id: number }) =>
    new Promise<Answer>((resolve) => {
      waiting.set(message.id, resolve);
      socket.send(packr.pack(message));
    });
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve({ socket, send, call: (method, params) => send({ kind: 'call', id: next++, method, params } as { id: number }) }));
    socket.on('unexpected-response', (_request, response) => reject(new Error(String(response.statusCode))));
    socket.on('error', reject);
  });
}
