/** HTTP and WebSockets: who asks is checked first, then what. Nothing that a request holds ever becomes a path of the file system. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { UserError } from '../errors';
import { parsePictureAddress, PICTURE_BASE, type PictureAddress } from '../protocol';
import { WIRE_LIMITS } from '../protocol/wire';
import type { WindowPort } from '../supervise';
import type { Access } from './access';
import { answer, forEver, refuseUpgrade, type Answer } from './answers';
import type { RendererFile } from './renderer-files';
import { signInPage, signInPolicy } from './sign-in-page';
import { socketPort } from './socket-port';

export interface WebServerParts {
  access: Access;
  files: ReadonlyMap<string, RendererFile>;
  /** A picture's bytes; undefined: there is none to show. */
  picture(address: PictureAddress): Promise<{ type: string; bytes: Uint8Array } | undefined>;
  /** A browser came. */
  connect(port: WindowPort): void;
  report(line: string): void;
}

const SOCKET_PATH = '/engine';
const SIGN_IN_PATH = '/sign-in';
const MOST_SOCKETS = 100;
const MOST_FORM_BYTES = 1024;

const refused = (status: number, body: string): Answer => ({ status, body: `${body}\n` });
const notFound = refused(404, 'There is nothing here.');

export class WebServer {
  readonly #server: Server;
  readonly #sockets: WebSocketServer;

  constructor(readonly parts: WebServerParts) {
    this.#server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
      this.#answerTo(request).then(
        (made) => answer(request, response, made),
        (error: unknown) => this.#failed(request, response, error),
      );
    });
    this.#server.maxConnections = 1000;
    this.#sockets = new WebSocketServer({ noServer: true, maxPayload: WIRE_LIMITS.client, perMessageDeflate: false });
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** @returns the port it listens on. @throws UserError when it cannot, with code EADDRINUSE as its cause where it is taken */
  listen(address: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException) => reject(listenError(error, address, port));
      this.#server.once('error', failed);
      this.#server.listen(port, address, () => {
        this.#server.off('error', failed);
        this.#server.on('error', (error) => this.parts.report(`the server: ${error.message}`));
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.close(1001, 'the server ends');
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    setTimeout(() => {
      for (const socket of this.#sockets.clients) socket.terminate();
      this.#server.closeAllConnections();
    }, 200).unref();
    await closed;
  }

  async #answerTo(request: IncomingMessage): Promise<Answer> {
    const { access } = this.parts;
    if (!access.isOurHost(request)) return refused(403, 'This server is not known by that name (see ibot serve --help, --host-name).');
    if (access.isLoadedFromElsewhere(request)) return refused(403, 'Pages of other servers may load nothing from here.');
    const { path, token } = takeApart(request.url ?? '');
    if (path === undefined) return refused(400, 'This is no address of this server.');
    if (path === SIGN_IN_PATH) return this.#signIn(request);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { ...refused(405, 'Only GET is answered here.'), headers: { allow: 'GET, HEAD' } };
    }
    if (path === '/' && token !== null) return access.isToken(token) ? enter(access, request) : askForToken(true);
    if (!access.isSignedIn(request)) return path === '/' ? askForToken(false) : refused(401, 'Sign in first.');
    if (path === SOCKET_PATH) return { ...refused(426, 'Here is a WebSocket.'), headers: { upgrade: 'websocket' } };
    if (path.startsWith(PICTURE_BASE.served)) return this.#picture(path.slice(PICTURE_BASE.served.length));
    return this.#file(request, path === '/' ? 'index.html' : path.slice(1));
  }

  async #signIn(request: IncomingMessage): Promise<Answer> {
    const { access } = this.parts;
    if (request.method !== 'POST') return { status: 303, headers: { location: '/' } };
    if (!access.isOurOrigin(request)) return refused(403, 'Pages of other servers cannot sign in here.');
    const form = await readForm(request);
    if (form === undefined) return refused(413, 'That is more than a token.');
    return access.isToken(form.get('token')?.trim() ?? null) ? enter(access, request) : askForToken(true);
  }

  async #picture(rest: string): Promise<Answer> {
    const address = parsePictureAddress(rest);
    if (!address) return refused(400, 'This is no address of a picture.');
    const picture = await this.parts.picture(address);
    if (!picture) return notFound;
    // The version is part of the address.
    return { status: 200, type: picture.type, body: picture.bytes, headers: forEver };
  }

  async #file(request: IncomingMessage, path: string): Promise<Answer> {
    const file = this.parts.files.get(path);
    if (!file) return notFound;
    const packed = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')) ? await file.packed() : undefined;
    const headers = { vary: 'accept-encoding', ...(file.fixed ? forEver : {}), ...(packed ? { 'content-encoding': 'gzip' } : {}) };
    return { status: 200, type: file.type, body: packed ?? file.bytes, headers };
  }

  #failed(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    this.parts.report(error instanceof Error ? (error.stack ?? error.message) : String(error));
    if (response.headersSent) response.destroy();
    else answer(request, response, refused(500, 'Something unexpected happened; the program says what.'));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const { access } = this.parts;
    // A page of any origin may open a socket, and cookies go with it: so here the origin must be said.
    if (!access.isOurHost(request) || !access.isOurOrigin(request)) return refuseUpgrade(socket, 403, 'Forbidden');
    if (takeApart(request.url ?? '').path !== SOCKET_PATH) return refuseUpgrade(socket, 404, 'Not Found');
    if (!access.isSignedIn(request)) return refuseUpgrade(socket, 401, 'Unauthorized');
    if (this.#sockets.clients.size >= MOST_SOCKETS) return refuseUpgrade(socket, 503, 'Service Unavailable');
    this.#sockets.handleUpgrade(request, socket, head, (opened) => this.parts.connect(socketPort(opened, this.parts.report)));
  }
}

/** The path of an address as it was written: whatever is encoded, climbs, or is empty has no place here. */
function takeApart(url: string): { path: string | undefined; token: string | null } {
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  const isPlain = /^\/[\w./-]*$/.test(path) && !path.includes('//') && !path.split('/').some((part) => part === '.' || part === '..');
  const token = at < 0 ? null : new URLSearchParams(url.slice(at + 1)).get('token');
  return { path: isPlain ? path : undefined, token };
}

/** Without the token in the address, where it would be seen and remembered. */
const enter = (access: Access, request: IncomingMessage): Answer => ({
  status: 303,
  headers: { location: '/', 'set-cookie': access.cookie(request) },
});

const askForToken = (wasWrong: boolean): Answer => ({
  status: 401,
  type: 'text/html; charset=utf-8',
  body: signInPage(wasWrong),
  // Under no-referrer a form is sent with the origin null.
  headers: { 'content-security-policy': signInPolicy, 'referrer-policy': 'same-origin' },
});

async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MOST_FORM_BYTES) return undefined;
  }
  return new URLSearchParams(text);
}

function listenError(error: NodeJS.ErrnoException, address: string, port: number): UserError {
  const why: Record<string, string> = {
    EADDRINUSE: `Port ${port} is taken by another program: give another one with --port (0: any that is free).`,
    EACCES: `Port ${port} may not be used by everybody: give one above 1023 with --port.`,
    EADDRNOTAVAIL: `This machine does not have the address ${address}: give one of its own with --address.`,
    ENOTFOUND: `${address} is no address of this machine: give one of its own with --address.`,
  };
  return Object.assign(new UserError(why[error.code ?? ''] ?? `The server cannot listen on ${address}: ${error.message}.`), { cause: error });
}
