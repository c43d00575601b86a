import type { KeyedTopicName, TopicValue } from '../../engine/protocol';
import { engine, type PlainTopicName } from './engine';

/** The present value of a topic, for templates and effects; undefined until it is known. */
export interface Live<Value> {
  readonly value: Value | undefined;
}

const live = new Map<string, Live<unknown>>();

/** A topic's value, subscribed once for the whole window and kept. */
export function topic<T extends PlainTopicName>(name: T): Live<TopicValue<T>> {
  const known = live.get(name);
  if (known) return known as Live<TopicValue<T>>;
  let current = $state.raw<TopicValue<T>>();
  engine.subscribe(name, (value) => (current = value));
  const made = {
    get value() {
      return current;
    },
  };
  live.set(name, made);
  return made;
}

/** A topic with a key, subscribed as long as the component that asks is there; `key` may change. */
export function keyedTopic<T extends KeyedTopicName>(name: T, key: () => string | undefined): Live<TopicValue<T>> {
  let current = $state.raw<TopicValue<T>>();
  $effect(() => {
    const wanted = key();
    current = undefined;
    if (wanted === undefined) return;
    return engine.subscribe(name, wanted, (value) => (current = value));
  });
  return {
    get value() {
      return current;
    },
  };
}
