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
} from '../protocol';
import type { Supervisor } from './supervisor';

/** What carries the messages of one window: a port, a socket. */
export interface WindowPort {
  send(message: EngineMessage): void;
  /** Hears what comes in, not yet checked. */
  onMessage(handler: (message: unknown) => void): void;
  onClose(handler: () => void): void;
}

/** Answers `desktop.*`. @throws Error in one sentence for the user; ProtocolError where it does not offer the method */
export type DesktopService<Window> = (call: DesktopCall, window: Window) => Promise<unknown>;

/** The present values of topics `desktop.*`, and their changes. */
export interface DesktopTopicValues {
  /** Undefined: this topic is not told here. */
  get(topic: DesktopTopicName): unknown;
  onChange(listener: (topic: DesktopTopicName, value: unknown) => void): void;
}

interface Client<Window> {
  port: WindowPort;
  window: Window;
  /** Calls that the engine has not answered. */
  open: Set<number>;
  subscribed: Set<DesktopTopicName>;
}

/**
 * Carries messages between windows and engine, each checked against the contract on the way in, and has `desktop.*` answered on
 * this side. `Window` is whatever its owner knows a window by.
 */
export class Relay<Window> {
  readonly #clients = new Map<number, Client<Window>>();
  #next = 1;

  constructor(
    readonly supervisor: Supervisor,
    readonly service: DesktopService<Window>,
    readonly topics: DesktopTopicValues,
  ) {
    supervisor.onMessage((client, message) => this.#fromEngine(client, message));
    supervisor.onReady(() => {
      for (const client of this.#clients.keys()) supervisor.send({ kind: 'open', client });
    });
    supervisor.onGone(() => this.#engineIsGone());
    topics.onChange((topic, value) => {
      for (const client of this.#clients.values()) {
        if (client.subscribed.has(topic)) client.port.send({ kind: 'event', topic, value });
      }
    });
  }

  /** Serves a window until its port closes, or until the function that comes back is called. */
  connect(port: WindowPort, window: Window): () => void {
    const id = this.#next++;
    this.#clients.set(id, { port, window, open: new Set(), subscribed: new Set() });
    const disconnect = () => {
      if (this.#clients.delete(id)) this.supervisor.send({ kind: 'close', client: id });
    };
    port.onMessage((message) => this.#fromWindow(id, message));
    port.onClose(disconnect);
    this.supervisor.send({ kind: 'open', client: id });
    return disconnect;
  }

  #fromWindow(id: number, raw: unknown): void {
    const client = this.#clients.get(id);
    if (!client) return;
    try {
      this.#handle(id, client, parseMessage(raw, 'client'));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.supervisor.log.write('window', error.message);
      if (error.id !== undefined) client.port.send({ kind: 'error', id: error.id, error: error.toErrorValue() });
    }
  }

  #handle(id: number, client: Client<Window>, message: ClientMessage): void {
    if (message.kind === 'call' && isDesktopName(message.method)) return this.#serve(client, parseDesktopCall(message));
    if (message.kind === 'subscribe' || message.kind === 'unsubscribe') {
      const { topic } = parseSubscription(message);
      if (isDesktopName(topic)) return this.#subscribe(client, topic as DesktopTopicName, message.kind === 'subscribe');
    }
    if (message.kind === 'call') {
      parseCall(message);
      if (this.supervisor.state.state !== 'ready') {
        const why = this.supervisor.state.refusal ?? 'The engine is being started; try again in a moment.';
        const error = { message: why, code: 'gone' as const };
        return client.port.send({ kind: 'error', id: message.id, error });
      }
      client.open.add(message.id);
    }
    this.supervisor.send({ kind: 'message', client: id, message });
  }

  #serve({ port, window }: Client<Window>, call: DesktopCall): void {
    this.service(call, window).then(
      (value) => port.send({ kind: 'result', id: call.id, value }),
      (error: Error) => {
        const value = error instanceof ProtocolError ? error.toErrorValue() : { message: error.message, code: 'user' as const };
        port.send({ kind: 'error', id: call.id, error: value });
      },
    );
  }

  #subscribe({ subscribed, port }: Client<Window>, topic: DesktopTopicName, wanted: boolean): void {
    if (!wanted) return void subscribed.delete(topic);
    const value = this.topics.get(topic);
    if (value === undefined) throw new ProtocolError(`The topic ${topic} is not told here.`);
    subscribed.add(topic);
    port.send({ kind: 'event', topic, value });
  }

  #fromEngine(id: number, raw: unknown): void {
    const client = this.#clients.get(id);
    if (!client) return;
    try {
      const message = parseMessage(raw, 'engine');
      if (message.kind !== 'event') client.open.delete(message.id);
      client.port.send(message);
    } catch (error) {
      this.supervisor.log.write('engine', `a message that does not keep to the contract: ${String(error)}`);
    }
  }

  /** Nobody will answer what is open any more. */
  #engineIsGone(): void {
    const error = { message: 'The engine ended before it answered.', code: 'gone' as const };
    for (const client of this.#clients.values()) {
      for (const id of client.open) client.port.send({ kind: 'error', id, error });
      client.open.clear();
    }
  }
}
