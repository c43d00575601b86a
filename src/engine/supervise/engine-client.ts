import {
  parseEvent,
  parseMessage,
  parseResult,
  type MethodName,
  type Params,
  type Result,
  type TopicName,
  type TopicValue,
} from '../protocol';
import type { Supervisor } from './supervisor';

/** The number under which who supervises talks to the engine; windows count from 1. */
const self = 0;

interface Waiting {
  method: MethodName;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Calls and subscriptions of who supervises, not of a window. Subscriptions outlive the engine; calls that it did not answer fail. */
export class EngineClient {
  readonly #waiting = new Map<number, Waiting>();
  readonly #subscriptions = new Map<string, (value: unknown) => void>();
  #next = 0;

  constructor(readonly supervisor: Supervisor) {
    supervisor.onMessage((client, message) => {
      if (client === self) this.#receive(message);
    });
    supervisor.onGone(() => this.#fail('The engine ended before it answered.'));
    supervisor.onReady(() => {
      supervisor.send({ kind: 'open', client: self });
      for (const topic of this.#subscriptions.keys()) this.#send({ kind: 'subscribe', topic });
    });
  }

  call<M extends MethodName>(method: M, params: Params<M>): Promise<Result<M>> {
    if (this.supervisor.state.state !== 'ready') return Promise.reject(new Error('The engine is not ready.'));
    const id = this.#next++;
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { method, resolve, reject });
      this.#send({ kind: 'call', id, method, params });
    }) as Promise<Result<M>>;
  }

  /** One listener per topic. */
  subscribe<T extends TopicName>(topic: T, listener: (value: TopicValue<T>) => void): void {
    this.#subscriptions.set(topic, listener as (value: unknown) => void);
    if (this.supervisor.state.state === 'ready') this.#send({ kind: 'subscribe', topic });
  }

  #send(message: unknown): void {
    this.supervisor.send({ kind: 'message', client: self, message });
  }

  #receive(raw: unknown): void {
    try {
      const message = parseMessage(raw, 'engine');
      if (message.kind === 'event') this.#subscriptions.get(message.topic)?.(parseEvent(message).value);
      else {
        const waiting = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        if (message.kind === 'error') waiting?.reject(new Error(message.error.message));
        else if (waiting) {
          try {
            waiting.resolve(parseResult(waiting.method, message.value));
          } catch (error) {
            waiting.reject(error as Error);
          }
        }
      }
    } catch (error) {
      this.supervisor.log.write('engine', `a message that does not keep to the contract: ${String(error)}`);
    }
  }

  #fail(message: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(message));
    this.#waiting.clear();
  }
}
