/** What goes out: every answer with the headers that keep a page to itself. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { contentPolicy } from '../protocol/window-files';

const always = {
  'content-security-policy': contentPolicy(),
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'cache-control': 'no-store',
};

/** What is behind one address never changes. */
export const forEver = { 'cache-control': 'private, max-age=31536000, immutable' };

export interface Answer {
  status: number;
  type?: string;
  body?: Uint8Array | string;
  /** Over those that every answer has. */
  headers?: Record<string, string>;
}

export function answer(request: IncomingMessage, response: ServerResponse, { status, type, body = '', headers }: Answer): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  response.writeHead(status, {
    ...always,
    'content-type': type ?? 'text/plain; charset=utf-8',
    'content-length': bytes.byteLength,
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
  // What was not read of a refused body is not waited for.
  if (request.method === 'POST' && !request.complete) response.once('finish', () => request.destroy());
}

/** Refuses before there is a response to write to: an upgrade. Whoever asked may leave its side open: it is not waited for. */
export function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
