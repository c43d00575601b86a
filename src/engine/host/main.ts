/**
 * The engine as the desktop's main process starts it: a child with a channel over which it serves the contract to several windows.
 * It exits when the channel closes, so no engine outlives its program, whatever happened to that.
 */
import { methods, parseMessage, ProtocolError, type EngineMessage } from '../protocol';
import { toEngineSchema, type FromEngine } from '../protocol/supervision';

/** One window's connection, as a host serves it. */
interface Port {
  send(message: EngineMessage): void;
  onMessage(handler: (message: unknown) => void): void;
  onClose(handler: () => void): void;
}

interface Client {
  receive(message: unknown): void;
  close(): void;
}

const clients = new Map<number, Client>();

if (!process.send) {
  process.stderr.write('The engine is started by the program: npm start.\n');
  process.exit(64);
}
process.on('disconnect', () => process.exit(0));
// Ctrl-C at a terminal reaches the whole group; the program decides what it means.
process.on('SIGINT', () => {});
process.on('message', (raw) => {
  const parsed = toEngineSchema.safeParse(raw);
  if (!parsed.success) return;
  const message = parsed.data;
  if (message.kind === 'ping') say({ kind: 'pong', at: message.at });
  else if (message.kind === 'open') open(message.client);
  else if (message.kind === 'message') clients.get(message.client)?.receive(message.message);
  else {
    clients.get(message.client)?.close();
    clients.delete(message.client);
  }
});
say({ kind: 'ready' });

function open(client: number): void {
  clients.get(client)?.close();
  const handlers = new Set<(message: unknown) => void>();
  const closed = new Set<() => void>();
  clients.set(client, {
    receive: (message) => handlers.forEach((handler) => handler(message)),
    close: () => closed.forEach((handler) => handler()),
  });
  serve({
    send: (message) => say({ kind: 'message', client, message }),
    onMessage: (handler) => handlers.add(handler),
    onClose: (handler) => closed.add(handler),
  });
}

function say(message: FromEngine): void {
  // Who does not listen any more closes the channel too.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

/** Answers that a method is not served; the host takes this place. */
function serve(port: Port): void {
  port.onMessage((raw) => {
    try {
      const message = parseMessage(raw, 'client');
      if (message.kind !== 'call') return;
      const known = Object.hasOwn(methods, message.method);
      const error = known
        ? { message: `${message.method} is not served yet.`, code: 'unexpected' as const }
        : { message: `There is no method ${message.method}.`, code: 'unknown-method' as const };
      port.send({ kind: 'error', id: message.id, error });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (error.id !== undefined) port.send({ kind: 'error', id: error.id, error: error.toErrorValue() });
    }
  });
}
