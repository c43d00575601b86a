import { BrowserWindow, ipcMain, MessageChannelMain, type MessagePortMain } from 'electron';
import {
  isDesktopName,
  parseCall,
  parseDesktopCall,
  parseMessage,
  parseSubscription,
  ProtocolError,
  type ClientMessage,
  type DesktopCall,
  type DesktopTopicName,
  type EngineMessage,
} from '../engine/protocol';
import { appUrl } from './content-policy';
import type { DesktopTopics } from './desktop-topics';
import type { Supervisor } from './supervisor';

export type DesktopService = (call: DesktopCall, window: BrowserWindow) => Promise<unknown>;

interface Client {
  port: MessagePortMain;
  window: BrowserWindow;
  /** Calls that the engine has not answered. */
  open: Set<number>;
  subscribed: Set<DesktopTopicName>;
}

/**
 * Carries messages between windows and engine, each checked against the contract on the way in; answers `desktop.*` itself.
 * A window connects by asking its preload script for a port, and again after a reload.
 */
export class Relay {
  readonly #clients = new Map<number, Client>();
  #next = 1;

  constructor(
    readonly supervisor: Supervisor,
    readonly service: DesktopService,
    readonly topics: DesktopTopics,
  ) {
    ipcMain.on('ibot-connect', (event) => {
      const window = BrowserWindow.fromWebContents(event.sender);
      const frame = event.senderFrame;
      if (window && frame?.parent === null && frame.url.split('#')[0] === appUrl) this.#connect(window);
      // A page may ask before its address is known here; it asks again.
      else supervisor.log.write('window', `no port for ${frame?.url || 'a page without an address'}`);
    });
    supervisor.onMessage((client, message) => this.#fromEngine(client, message));
    supervisor.onReady(() => {
      for (const client of this.#clients.keys()) supervisor.send({ kind: 'open', client });
    });
    supervisor.onGone(() => this.#engineIsGone());
    topics.onChange((topic, value) => {
      for (const client of this.#clients.values()) {
        if (client.subscribed.has(topic)) client.port.postMessage({ kind: 'event', topic, value });
      }
    });
  }

  #connect(window: BrowserWindow): void {
    // A window has one port: a page that was reloaded left its own behind.
    for (const [id, client] of this.#clients) if (client.window === window) this.#disconnect(id);
    const id = this.#next++;
    const { port1, port2 } = new MessageChannelMain();
    this.#clients.set(id, { port: port1, window, open: new Set(), subscribed: new Set() });
    port1.on('message', ({ data }) => this.#fromWindow(id, data));
    port1.on('close', () => this.#disconnect(id));
    window.once('closed', () => this.#disconnect(id));
    port1.start();
    this.supervisor.send({ kind: 'open', client: id });
    window.webContents.postMessage('ibot-port', null, [port2]);
  }

  #disconnect(id: number): void {
    const client = this.#clients.get(id);
    if (!client) return;
    this.#clients.delete(id);
    this.supervisor.send({ kind: 'close', client: id });
    client.port.close();
  }

  #fromWindow(id: number, raw: unknown): void {
    const client = this.#clients.get(id);
    if (!client) return;
    try {
      this.#handle(id, client, parseMessage(raw, 'client'));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.supervisor.log.write('window', error.message);
      if (error.id !== undefined) this.#answer(client, { kind: 'error', id: error.id, error: error.toErrorValue() });
    }
  }

  #handle(id: number, client: Client, message: ClientMessage): void {
    if (message.kind === 'call' && isDesktopName(message.method)) return this.#serve(client, parseDesktopCall(message));
    if (message.kind === 'subscribe' || message.kind === 'unsubscribe') {
      const { topic } = parseSubscription(message);
      if (isDesktopName(topic)) return this.#subscribe(client, topic as DesktopTopicName, message.kind === 'subscribe');
    }
    if (message.kind === 'call') {
      parseCall(message);
      if (this.supervisor.state.state !== 'ready') {
        const error = { message: 'The engine is being started; try again in a moment.', code: 'gone' as const };
        return this.#answer(client, { kind: 'error', id: message.id, error });
      }
      client.open.add(message.id);
    }
    this.supervisor.send({ kind: 'message', client: id, message });
  }

  #serve(client: Client, call: DesktopCall): void {
    this.service(call, client.window).then(
      (value) => this.#answer(client, { kind: 'result', id: call.id, value }),
      (error: Error) => {
        const value = { message: error.message, code: 'user' as const };
        this.#answer(client, { kind: 'error', id: call.id, error: value });
      },
    );
  }

  #subscribe(client: Client, topic: DesktopTopicName, wanted: boolean): void {
    if (!wanted) return void client.subscribed.delete(topic);
    client.subscribed.add(topic);
    this.#answer(client, { kind: 'event', topic, value: this.topics.get(topic) });
  }

  #fromEngine(id: number, raw: unknown): void {
    const client = this.#clients.get(id);
    if (!client) return;
    try {
      const message = parseMessage(raw, 'engine');
      if (message.kind !== 'event') client.open.delete(message.id);
      this.#answer(client, message);
    } catch (error) {
      this.supervisor.log.write('engine', `a message that does not keep to the contract: ${String(error)}`);
    }
  }

  /** Nobody will answer what is open any more. */
  #engineIsGone(): void {
    const error = { message: 'The engine ended before it answered.', code: 'gone' as const };
    for (const client of this.#clients.values()) {
      for (const id of client.open) this.#answer(client, { kind: 'error', id, error });
      client.open.clear();
    }
  }

  #answer(client: Client, message: EngineMessage): void {
    client.port.postMessage(message);
  }
}
