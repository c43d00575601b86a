import {
  isDesktopName,
  parseEvent,
  parseMessage,
  parseResult,
  type DesktopMethodName,
  type DesktopTopicName,
  type EngineMessage,
  type EngineSupervision,
  type ErrorCode,
  type ErrorValue,
  type KeyedTopicName,
  type MethodName,
  type Params,
  type Result,
  type TopicName,
  type TopicValue,
} from '../../engine/protocol';
import { browserAnswers } from './browser-desktop';
import { connection } from './connection.svelte';
import { connect, isDesktop, type Transport } from './transport';

type AnyMethod = MethodName | DesktopMethodName;
type AnyTopic = TopicName | DesktopTopicName;
export type PlainTopicName = Exclude<AnyTopic, KeyedTopicName>;

/** Why a call failed: `message` is one sentence for the user, `detail` is for "Copy details". */
export class EngineError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;

  constructor({ message, code, detail }: ErrorValue) {
    super(message);
    this.name = 'EngineError';
    this.code = code ?? 'unexpected';
    this.detail = detail;
  }
}

interface OpenCall {
  method: AnyMethod;
  params: unknown;
  sent: boolean;
  resolve(value: unknown): void;
  reject(error: EngineError): void;
}

interface Subscription {
  topic: AnyTopic;
  key: string | undefined;
  handlers: Set<(value: never) => void>;
  /** The last value, for those who come later. */
  last: { value: unknown } | undefined;
}

/**
 * The engine, and what the desktop does for its window, over whatever carries messages. Calls that are made before the engine is ready
 * wait for it; calls that it had and did not answer, and all while it has stopped for good, fail with the code `gone`: what was clicked in
 * vain must not happen later. Subscriptions are renewed by themselves.
 */
class Engine {
  #transport: Transport | undefined;
  #ready = false;
  /** Why nothing can be asked of it, in a sentence; undefined while something can. */
  #stopped: string | undefined;
  #nextId = 1;
  readonly #calls = new Map<number, OpenCall>();
  readonly #subscriptions = new Map<string, Subscription>();

  constructor() {
    connect({
      open: (transport) => this.#opened(transport),
      message: (message) => this.#received(message),
      closed: (why) => this.#disconnected(why),
    });
    this.subscribe('desktop.engine', (state) => this.#supervised(state));
  }

  /** Calls a method. `signal` cancels: the engine ends the work where it can. Rejects with an EngineError. */
  call<M extends AnyMethod>(method: M, params: Params<M>, { signal }: { signal?: AbortSignal } = {}): Promise<Result<M>> {
    const own = isDesktop ? undefined : browserAnswers(method, params);
    if (own) return asEngineError(own as Promise<Result<M>>);
    const id = this.#nextId++;
    return new Promise<unknown>((resolve, reject) => {
      if (signal?.aborted) return reject(cancelled());
      if (this.#stopped !== undefined && !isDesktopName(method)) return reject(stopped(this.#stopped));
      const cancel = () => {
        const call = this.#calls.get(id);
        if (!call) return;
        this.#calls.delete(id);
        if (call.sent) this.#transport?.send({ kind: 'cancel', id });
        reject(cancelled());
      };
      signal?.addEventListener('abort', cancel, { once: true });
      const finish = () => signal?.removeEventListener('abort', cancel);
      const call: OpenCall = {
        method,
        params,
        sent: false,
        resolve: (value) => (finish(), resolve(value)),
        reject: (error) => (finish(), reject(error)),
      };
      this.#calls.set(id, call);
      this.#sendCall(id, call);
    }) as Promise<Result<M>>;
  }

  /** Hears a topic's present value and each change, until the function that comes back is called. */
  subscribe<T extends PlainTopicName>(topic: T, handler: (value: TopicValue<T>) => void): () => void;
  subscribe<T extends KeyedTopicName>(topic: T, key: string, handler: (value: TopicValue<T>) => void): () => void;
  subscribe(topic: AnyTopic, keyOrHandler: unknown, maybeHandler?: unknown): () => void {
    const key = typeof keyOrHandler === 'string' ? keyOrHandler : undefined;
    const handler = (maybeHandler ?? keyOrHandler) as (value: never) => void;
    const name = nameOf(topic, key);
    let subscription = this.#subscriptions.get(name);
    if (!subscription) {
      subscription = { topic, key, handlers: new Set(), last: undefined };
      this.#subscriptions.set(name, subscription);
      this.#sendSubscription(subscription, 'subscribe');
    } else if (subscription.last) {
      // A stream of changes begins with the whole, so who comes later needs an event of their own.
      if (key === undefined && !changesOnly.has(topic)) handler(subscription.last.value as never);
      else this.#sendSubscription(subscription, 'subscribe');
    }
    const known = subscription;
    known.handlers.add(handler);
    return () => {
      known.handlers.delete(handler);
      if (known.handlers.size > 0 || this.#subscriptions.get(name) !== known) return;
      this.#subscriptions.delete(name);
      this.#sendSubscription(known, 'unsubscribe');
    };
  }

  #opened(transport: Transport): void {
    this.#transport = transport;
    connection.set('open');
    // What went over another connection before was not answered there, and never will be.
    this.#ready = false;
    for (const call of this.#calls.values()) call.sent = false;
    for (const subscription of this.#subscriptions.values()) {
      if (isDesktopName(subscription.topic)) this.#sendSubscription(subscription, 'subscribe');
    }
    for (const [id, call] of this.#calls) this.#sendCall(id, call);
  }

  /** Whoever waits for an answer waits in vain; what is asked from now on waits for the next connection. */
  #disconnected(why: 'lost' | 'signed-out'): void {
    connection.set(why);
    this.#ready = false;
    this.#transport = undefined;
    const error = { message: 'The connection was lost; it is being made again.', code: 'gone' as const };
    for (const [id, call] of this.#calls) if (call.sent) this.#fail(id, new EngineError(error));
  }

  #supervised({ state, refusal }: EngineSupervision): void {
    this.#stopped = state === 'stopped' ? (refusal ?? 'The engine has stopped: start it again in the status bar.') : undefined;
    if (state === 'ready') this.#begin();
    else if (this.#stopped !== undefined) this.#end(this.#stopped);
    else if (this.#ready) this.#lost();
  }

  #begin(): void {
    if (this.#ready) return;
    this.#ready = true;
    for (const subscription of this.#subscriptions.values()) {
      if (!isDesktopName(subscription.topic)) this.#sendSubscription(subscription, 'subscribe');
    }
    for (const [id, call] of this.#calls) this.#sendCall(id, call);
  }

  #lost(): void {
    this.#ready = false;
    const error = { message: 'The engine ended before it answered; it is being started again.', code: 'gone' as const };
    for (const [id, call] of this.#calls) if (call.sent && !isDesktopName(call.method)) this.#fail(id, new EngineError(error));
  }

  #end(why: string): void {
    this.#ready = false;
    for (const [id, call] of this.#calls) if (!isDesktopName(call.method)) this.#fail(id, stopped(why));
  }

  #fail(id: number, error: EngineError): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.reject(error);
  }

  #canSend(name: string): boolean {
    return this.#transport !== undefined && (this.#ready || isDesktopName(name));
  }

  #sendCall(id: number, call: OpenCall): void {
    if (call.sent || !this.#canSend(call.method)) return;
    call.sent = true;
    this.#transport?.send({ kind: 'call', id, method: call.method, params: call.params });
  }

  #sendSubscription({ topic, key }: Subscription, kind: 'subscribe' | 'unsubscribe'): void {
    if (this.#canSend(topic)) this.#transport?.send({ kind, topic, ...(key === undefined ? {} : { key }) });
  }

  #received(raw: unknown): void {
    let message: EngineMessage;
    try {
      message = parseMessage(raw, 'engine');
    } catch (error) {
      reportError(error);
      return;
    }
    if (message.kind === 'event') this.#event(message);
    else {
      const call = this.#calls.get(message.id);
      if (!call) return;
      this.#calls.delete(message.id);
      if (message.kind === 'error') return call.reject(new EngineError(message.error));
      try {
        call.resolve(parseResult(call.method, message.value));
      } catch (error) {
        call.reject(new EngineError({ message: (error as Error).message, code: 'invalid' }));
      }
    }
  }

  #event(message: EngineMessage & { kind: 'event' }): void {
    const subscription = this.#subscriptions.get(nameOf(message.topic, message.key));
    if (!subscription) return;
    try {
      const { value } = parseEvent(message);
      subscription.last = { value };
      for (const handler of [...subscription.handlers]) handler(value as never);
    } catch (error) {
      reportError(error);
    }
  }
}

/** Topics without a key whose events tell only what changed. */
const changesOnly = new Set<AnyTopic>(['runs']);

const nameOf = (topic: string, key: string | undefined): string => (key === undefined ? topic : `${topic}\n${key}`);
const asEngineError = <T>(answer: Promise<T>): Promise<T> =>
  answer.catch((error: Error) => Promise.reject(new EngineError({ message: error.message, code: 'user' })));
const stopped = (message: string) => new EngineError({ message, code: 'gone' });
const cancelled = () => new EngineError({ message: 'Cancelled.', code: 'cancelled' });

export const engine = new Engine();
