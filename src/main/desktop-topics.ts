import { nativeTheme } from 'electron';
import type { DesktopTopicName, TopicValue } from '../engine/protocol';
import type { Supervisor } from '../engine/supervise';
import type { SettingsStore } from './settings';

type Values = { [T in DesktopTopicName]: TopicValue<T> };

/** The present value of each topic that main tells its windows. */
export class DesktopTopics {
  readonly #values: Values;
  readonly #listeners = new Set<(topic: DesktopTopicName, value: unknown) => void>();

  constructor(settings: SettingsStore, supervisor: Supervisor) {
    this.#values = {
      'desktop.engine': supervisor.state,
      'desktop.settings': settings.current,
      'desktop.theme': { theme: shownTheme() },
      'desktop.closing': null,
      'desktop.command': null,
    };
    supervisor.onState((state) => this.set('desktop.engine', state));
    settings.onChange((now) => this.set('desktop.settings', now));
    nativeTheme.on('updated', () => this.set('desktop.theme', { theme: shownTheme() }));
  }

  get<T extends DesktopTopicName>(topic: T): Values[T] {
    return this.#values[topic];
  }

  set<T extends DesktopTopicName>(topic: T, value: Values[T]): void {
    this.#values[topic] = value;
    for (const listener of this.#listeners) listener(topic, value);
  }

  onChange(listener: (topic: DesktopTopicName, value: unknown) => void): void {
    this.#listeners.add(listener);
  }
}

function shownTheme(): 'dark' | 'light' {
  return nativeTheme.shouldUseDarkColors ? 'dark' : 'light';
}
