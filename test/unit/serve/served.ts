/** A server for browsers with a tiny window and no engine, and clients that may say whatever they like. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import WebSocket from 'ws';
import { encodeMessage, decodeMessage } from '../../../src/engine/protocol/wire';
import type { ClientMessage, EngineMessage, PictureAddress } from '../../../src/engine/protocol';
import { Access } from '../../../src/engine/serve/access';
import { readRenderer } from '../../../src/engine/serve/renderer-files';
import { WebServer } from '../../../src/engine/serve/web-server';
import type { WindowPort } from '../../../src/engine/supervise';
import { temporaryFolder } from '../../support/temporary-folder';

export const page = '<!doctype html><title>the window</title>';

/** A built window, with a secret beside it and a link to the secret in it. */
export function rendererFolder(): string {
  const folder = join(temporaryFolder(), 'renderer');
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), page);
  writeFileSync(join(folder, 'assets', 'main-1a2b.js'), `${'console.log(1);'.repeat(200)}`);
  writeFileSync(join(folder, 'assets', 'main-1a2b.js.map'), '{}');
  writeFileSync(join(folder, '..', 'secret.json'), '"secret"');
  symlinkSync(join(folder, '..', 'secret.json'), join(folder, 'link.json'));
  symlinkSync(join(folder, '..'), join(folder, 'above'));
  return folder;
}

export interface Answered {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface Served {
  port: number;
  access: Access;
  /** What is wrong, as it was reported. */
  reports: string[];
  /** Addresses of pictures that were asked for. */
  pictures: PictureAddress[];
  /** Asks for a path as it is written here, with Host and the rest as wanted. */
  get(path: string, headers?: Record<string, string>, method?: string, body?: string): Promise<Answered>;
  /** All that comes back to these bytes. */
  raw(text: string): Promise<string>;
  /** The cookie of somebody who gave the token. */
  signIn(): Promise<string>;
  /** Opens a socket; rejects with the status that it was refused with. */
  open(headers: Record<string, string>, path?: string): Promise<WebSocket>;
  /** Headers of our own page, signed in. */
  own(): Promise<{ cookie: string; origin: string }>;
  close(): Promise<void>;
}

export async function served(connect: (port: WindowPort) => void = () => {}, address = '127.0.0.1', names: string[] = []): Promise<Served> {
  const access = new Access({ address, names });
  const reports: string[] = [];
  const pictures: PictureAddress[] = [];
  const server = new WebServer({
    access,
    files: await readRenderer(rendererFolder()),
    picture: async (wanted) => {
      pictures.push(wanted);
      return wanted.picture === 7 ? { type: 'image/webp', bytes: Buffer.from('a picture') } : undefined;
    },
    connect,
    report: (line) => reports.push(line),
  });
  const port = await server.listen('127.0.0.1', 0);
  const host = `127.0.0.1:${port}`;
  const get: Served['get'] = (path, headers = {}, method = 'GET', body = '') =>
    new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path, method, headers: { host, ...headers }, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() }),
        );
      });
      asked.on('error', reject);
      asked.end(body);
    });
  const raw = (text: string) =>
    new Promise<string>((resolve) => {
      const socket = connectSocket(port, '127.0.0.1', () => socket.write(text));
      let said = '';
      socket.on('data', (chunk) => (said += chunk.toString()));
      socket.on('close', () => resolve(said));
    });
  const signIn = async () => String((await get(`/?token=${access.token}`)).headers['set-cookie']).split(';')[0]!;
  const open: Served['open'] = (headers, path = '/engine') =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
      socket.on('open', () => resolve(socket));
      socket.on('unexpected-response', (_request, response) => reject(new Error(String(response.statusCode))));
      socket.on('error', reject);
    });
  return {
    ...{ port, access, reports, pictures, get, raw, signIn, open },
    own: async () => ({ cookie: await signIn(), origin: `http://${host}` }),
    close: () => server.close(),
  };
}

export const say = (socket: WebSocket, message: ClientMessage): void => socket.send(encodeMessage(message, 'client'));

/** The next message that comes in. */
export const heard = (socket: WebSocket): Promise<EngineMessage> =>
  new Promise((resolve) => {
    const take = (data: WebSocket.RawData, isBinary: boolean) => {
      if (!isBinary) return;
      socket.off('message', take);
      resolve(decodeMessage(data as Buffer, 'engine'));
    };
    socket.on('message', take);
  });

export const closed = (socket: WebSocket): Promise<number> => new Promise((resolve) => socket.on('close', resolve));
