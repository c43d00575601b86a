/** One window: its open calls, what it subscribed to. Whatever comes in, the engine goes on. */
import {
  isDesktopName,
  parseCall,
  parseMessage,
  parseResult,
  parseSubscription,
  ProtocolError,
  type CallMessage,
  type EngineMessage,
  type ErrorValue,
  type Handlers,
  type MethodName,
  type SubscribeMessage,
  type TopicName,
  type UnsubscribeMessage,
} from '../protocol';
import { errorValueOf } from './error-value';
import type { TopicHub } from './topic-hub';

/** What carries messages: a port, a pipe, a socket. */
export interface HostPort {
  send(message: EngineMessage): void;
  onMessage(handler: (message: unknown) => void): void;
  onClose(handler: () => void): void;
}

/** Nobody needs more at once; it keeps a window that went wild from filling the memory. */
const MOST_OPEN_CALLS = 1000;
const MOST_SUBSCRIPTIONS = 1000;

export interface ConnectionParts {
  handlers: Partial<Handlers<MethodName>>;
  hub: TopicHub;
  report: (error: unknown) => void;
}

export class Connection {
  private readonly calls = new Map<number, AbortController>();
  private readonly subscriptions = new Map<string, () => void>();
  private closed = false;

  constructor(
    private readonly port: HostPort,
    private readonly parts: ConnectionParts,
  ) {
    port.onMessage((message) => this.receive(message));
    port.onClose(() => this.close());
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const call of this.calls.values()) call.abort();
    for (const end of this.subscriptions.values()) end();
    this.subscriptions.clear();
  }

  private receive(raw: unknown): void {
    if (this.closed) return;
    try {
      const message = parseMessage(raw, 'client');
      if (message.kind === 'call') void this.call(message);
      else if (message.kind === 'cancel') this.calls.get(message.id)?.abort();
      else this.subscription(message);
    } catch (error) {
      // Without an id nobody waits for an answer.
      if (error instanceof ProtocolError && error.id !== undefined) this.fail(error.id, error.toErrorValue());
      else if (!(error instanceof ProtocolError)) this.parts.report(error);
    }
  }

  private async call(message: CallMessage): Promise<void> {
    const { id } = message;
    if (this.calls.has(id)) {
      return this.fail(id, { message: `There is an open call with the number ${id} already.`, code: 'invalid' });
    }
    if (this.calls.size >= MOST_OPEN_CALLS) {
      return this.fail(id, { message: 'Too much was asked at once: wait for some answers first.', code: 'busy' });
    }
    const controller = new AbortController();
    this.calls.set(id, controller);
    try {
      const { method, params } = parseCall(message);
      const handler = this.parts.handlers[method] as
        | ((params: unknown, context: { signal: AbortSignal }) => unknown)
        | undefined;
      if (!handler) throw new ProtocolError(`This engine does not serve ${method}.`, 'unknown-method', id);
      const value = await handler(params, { signal: controller.signal });
      // Nobody waits any more, and what was asked to end may have ended half done.
      if (controller.signal.aborted) return this.fail(id, CANCELLED);
      this.send({ kind: 'result', id, value: parseResult(method, value) });
    } catch (error) {
      if (controller.signal.aborted) return this.fail(id, CANCELLED);
      const value = errorValueOf(error);
      if (value.code === 'unexpected') this.parts.report(error);
      this.fail(id, value);
    } finally {
      this.calls.delete(id);
    }
  }

  private subscription(message: SubscribeMessage | UnsubscribeMessage): void {
    const { topic, key } = parseSubscription(message);
    if (isDesktopName(topic)) throw new ProtocolError(`The engine does not tell ${topic}.`);
    const name = JSON.stringify([topic, key]);
    this.subscriptions.get(name)?.();
    this.subscriptions.delete(name);
    if (message.kind === 'unsubscribe' || this.subscriptions.size >= MOST_SUBSCRIPTIONS) return;
    const end = this.parts.hub.subscribe(topic as TopicName, key, (event) => {
      // An answer to a subscription that ended meanwhile.
      if (this.subscriptions.get(name) === end) this.send(event);
    });
    this.subscriptions.set(name, end);
  }

  private fail(id: number, error: ErrorValue): void {
    this.send({ kind: 'error', id, error });
  }

  private send(message: EngineMessage): void {
    if (this.closed) return;
    try {
      this.port.send(message);
    } catch (error) {
      this.parts.report(error);
    }
  }
}

const CANCELLED: ErrorValue = { message: 'This was cancelled.', code: 'cancelled' };
