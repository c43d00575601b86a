/** Who listens to what, and how often they are told. */
import { parseEvent, type EngineMessage, type TopicName, type TopicValue } from '../protocol';
import type { TopicSources } from './host-context';

type Send = (message: EngineMessage) => void;

interface Subscription {
  send: Send;
  /** Events that came before the present value was there; undefined once it was sent. */
  held: EngineMessage[] | undefined;
}

/**
 * Milliseconds between events of topics whose value is the whole state: those in between are left out. Topics that tell what is
 * new (`runs`, `run.steps` …) are not here: nothing of them may be left out, and their areas tell them at the contract's pace.
 */
const PACE: Partial<Record<TopicName, number>> = {
  tasks: 250,
  datasets: 250,
  queue: 1000,
  'device.status': 1000,
  'library.status': 1000,
  warnings: 100,
  'run.progress': 250,
};

interface Paced {
  timer: NodeJS.Timeout | undefined;
  /** To be told when the timer ends. */
  next: { value: unknown } | undefined;
}

/** Between the two, no name or key has this. */
const SEPARATOR = '\n';
const nameOf = (topic: string, key: string | undefined): string => (key === undefined ? topic : `${topic}${SEPARATOR}${key}`);

export class TopicHub {
  private readonly subscriptions = new Map<string, Set<Subscription>>();
  private readonly paced = new Map<string, Paced>();

  constructor(
    private readonly sources: TopicSources,
    private readonly report: (error: unknown) => void,
  ) {}

  /** The present value comes first, then every event. @returns how to end it */
  subscribe(topic: TopicName, key: string | undefined, send: Send): () => void {
    const name = nameOf(topic, key);
    const those = this.subscriptions.get(name) ?? new Set<Subscription>();
    this.subscriptions.set(name, those);
    const subscription: Subscription = { send, held: [] };
    those.add(subscription);
    void this.sendPresent(topic, key, subscription);
    return () => {
      those.delete(subscription);
      if (those.size === 0 && this.subscriptions.get(name) === those) this.subscriptions.delete(name);
    };
  }

  /** Whether somebody listens. */
  isHeard(topic: TopicName, key?: string): boolean {
    return this.subscriptions.has(nameOf(topic, key));
  }

  /** Keys of a topic that somebody listens to. */
  keysHeard(topic: TopicName): string[] {
    const start = `${topic}${SEPARATOR}`;
    return [...this.subscriptions.keys()].flatMap((name) => (name.startsWith(start) ? [name.slice(start.length)] : []));
  }

  emit<T extends TopicName>(topic: T, key: string | undefined, value: TopicValue<T>): void {
    const name = nameOf(topic, key);
    if (!this.subscriptions.has(name)) return;
    const pace = PACE[topic];
    if (pace === undefined) return this.tell(topic, key, value);
    const paced = this.paced.get(name) ?? { timer: undefined, next: undefined };
    this.paced.set(name, paced);
    if (paced.timer) {
      paced.next = { value };
      return;
    }
    this.tell(topic, key, value);
    const turn = (): void => {
      const { next } = paced;
      if (!next) {
        this.paced.delete(name);
        return;
      }
      paced.next = undefined;
      this.tell(topic, key, next.value);
      paced.timer = setTimeout(turn, pace);
    };
    paced.timer = setTimeout(turn, pace);
  }

  close(): void {
    for (const { timer } of this.paced.values()) clearTimeout(timer);
    this.paced.clear();
    this.subscriptions.clear();
  }

  private tell(topic: TopicName, key: string | undefined, value: unknown): void {
    const message = this.message(topic, key, value);
    if (!message) return;
    for (const subscription of this.subscriptions.get(nameOf(topic, key)) ?? []) {
      if (subscription.held) subscription.held.push(message);
      else subscription.send(message);
    }
  }

  private async sendPresent(topic: TopicName, key: string | undefined, subscription: Subscription): Promise<void> {
    try {
      const source = this.sources[topic] as ((key: string | undefined) => unknown) | undefined;
      if (!source) throw new Error(`Nobody tells the topic ${topic}.`);
      const message = this.message(topic, key, await source(key));
      if (message) subscription.send(message);
    } catch (error) {
      // A run that is not there has no present value; events come if one of that name is made.
      this.report(error);
    }
    const { held } = subscription;
    subscription.held = undefined;
    for (const message of held ?? []) subscription.send(message);
  }

  /** Undefined where the value does not keep to the contract: a defect, which windows are spared. */
  private message(topic: TopicName, key: string | undefined, value: unknown): EngineMessage | undefined {
    try {
      const message = { kind: 'event' as const, topic, ...(key === undefined ? {} : { key }), value };
      return { ...message, value: parseEvent(message).value };
    } catch (error) {
      this.report(error);
      return undefined;
    }
  }
}
