import type { BrowserWindow } from 'electron';
import type { Params } from '../engine/protocol';
import type { EngineClient } from '../engine/supervise';
import type { DesktopTopics } from './desktop-topics';
import type { SettingsStore } from './settings';

type Choice = Params<'desktop.close'>['choice'];

export interface ClosingParts {
  settings: SettingsStore;
  topics: DesktopTopics;
  engine: EngineClient;
  /** Hides the window and leaves an icon to bring it back. */
  toTray(): void;
  quit(): void;
}

/** Closing the window while a run is going asks, and does what was answered. */
export class Closing {
  #run: string | undefined;
  #agreed = false;

  constructor(readonly parts: ClosingParts) {
    parts.engine.subscribe('queue', ({ jobs }) => {
      this.#run = jobs.find(({ state, owner }) => state === 'running' && owner === 'workbench')?.run;
      // The run ended while somebody was being asked.
      if (!this.#run && parts.topics.get('desktop.closing')) parts.topics.set('desktop.closing', null);
    });
  }

  get runIsGoing(): boolean {
    return this.#run !== undefined;
  }

  /** Quitting has to wait for an answer. */
  get mustAsk(): boolean {
    return this.runIsGoing && !this.#agreed;
  }

  /** The engine is gone, and nobody knows of a run any more. */
  forget(): void {
    this.#run = undefined;
  }

  watch(window: BrowserWindow): void {
    window.on('close', (event) => {
      if (this.#agreed || !this.#run) return;
      event.preventDefault();
      const { onClose } = this.parts.settings.current;
      if (onClose === 'ask') return this.#ask(window, null);
      this.answer(onClose, false).catch((error: Error) => this.#ask(window, error.message));
    });
  }

  #ask(window: BrowserWindow, problem: string | null): void {
    if (!this.#run || window.isDestroyed()) return;
    window.show();
    this.parts.topics.set('desktop.closing', { run: this.#run, problem });
  }

  /** @throws Error in one sentence when the run could not be saved; then nothing ends. */
  async answer(choice: Choice, always: boolean): Promise<void> {
    const { settings, topics, engine, toTray, quit } = this.parts;
    if (always && choice !== 'back') settings.change({ onClose: choice });
    if (choice === 'pause' || choice === 'cancel') {
      await engine.call('engine.shutdown', { runs: choice === 'pause' ? 'save' : 'discard' });
    }
    topics.set('desktop.closing', null);
    if (choice === 'back') return;
    if (choice === 'tray') return toTray();
    this.#agreed = true;
    quit();
  }
}
