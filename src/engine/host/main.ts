/**
 * The engine as the desktop's main process or `ibot serve` starts it: a child with a channel over which it serves the contract to several windows.
 * It exits when the channel closes, so no engine outlives its program, whatever happened to that.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { UserError } from '../errors';
import { defaultCacheFolder } from '../gpu/driver-files';
import { Host, type HostPort } from '../host';
import { endAfterParent } from './parent-watch';
import { toEngineSchema, type FromEngine } from '../protocol/supervision';

/** One window's connection. */
interface Client {
  receive(message: unknown): void;
  close(): void;
}

/** Saving may take so long once nobody is there any more, in milliseconds. */
const MOST_SAVING_MS = 60_000;

const clients = new Map<number, Client>();
let host: Host | undefined;
let ending = false;

if (!process.send) {
  process.stderr.write('The engine is started by the program: npm start.\n');
  process.exit(64);
}
process.on('disconnect', () => void end());
endAfterParent(MOST_SAVING_MS + 5000);
process.on('SIGTERM', () => void end());
// Ctrl-C at a terminal reaches the whole group; the program decides what it means.
process.on('SIGINT', () => {});
// A defect in one place must not end a run in another; what it broke has its own answer.
process.on('unhandledRejection', log);
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
await begin();

async function begin(): Promise<void> {
  const { values } = parseArgs({ options: { library: { type: 'string' }, served: { type: 'boolean' } }, strict: false });
  try {
    if (typeof values.library !== 'string') throw new UserError('Which library? It is given with --library.');
    host = await Host.open({
      library: values.library,
      served: values.served === true,
      kernelCache: join(defaultCacheFolder(), 'kernels'),
      log,
      exit: () => process.exit(0),
    });
    say({ kind: 'ready' });
  } catch (error) {
    log(error instanceof UserError ? error.message : error);
    if (error instanceof UserError) await new Promise<void>((told) => say({ kind: 'refused', message: error.message }, told));
    process.exit(1);
  }
}

function open(client: number): void {
  clients.get(client)?.close();
  const handlers = new Set<(message: unknown) => void>();
  const closed = new Set<() => void>();
  clients.set(client, {
    receive: (message) => handlers.forEach((handler) => handler(message)),
    close: () => closed.forEach((handler) => handler()),
  });
  const port: HostPort = {
    send: (message) => say({ kind: 'message', client, message }),
    onMessage: (handler) => handlers.add(handler),
    onClose: (handler) => closed.add(handler),
  };
  host?.serve(port);
}

/** The program is gone: what is going is saved, and goes on with the next engine. */
async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  setTimeout(() => process.exit(1), MOST_SAVING_MS).unref();
  await host?.close('leave').catch(log);
  process.exit(0);
}

function say(message: FromEngine, sent = (): void => {}): void {
  // Who does not listen any more closes the channel too.
  if (process.connected) process.send?.(message, undefined, undefined, sent);
  else sent();
}

function log(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}
