import type { EngineSupervision } from '../protocol';
import { hangLimitSeconds, type FromEngine, type ToEngine } from '../protocol/supervision';
import { EngineProcess, type EngineEnd, type EngineProgram } from './engine-process';

const hangLimitMs = Number(process.env.IBOT_HANG_SECONDS || hangLimitSeconds) * 1000;
const pingEveryMs = Math.min(2000, hangLimitMs / 4);
/** Waits before each new start. After the last one it is for the user to try again; a life of a minute begins the list anew. */
const waitsMs = [250, 1000, 4000, 15_000, 60_000];
const soundAfterMs = 60_000;
/** Before another one is started by hand: for saving a run (host/main.ts), and for one that does not even answer. */
const savingLimitMs = 65_000;
const silentLimitMs = 5000;

/** Before anything has ended. */
const atFirst: EngineSupervision = { state: 'starting', restarts: 0, reason: null, detail: null, at: null, refusal: null, recovered: null };

/** Hears what happens, one line each; `where` is engine, window, server … */
export interface SupervisionLog {
  write(where: string, text: string): void;
}

/** Hears each change, with what was before. */
export type StateListener = (state: EngineSupervision, before: EngineSupervision) => void;

/** Keeps one engine alive: starts it, notices that it ended or hangs, starts it again, and says how it is. */
export class Supervisor {
  #engine: EngineProcess | undefined;
  #state = atFirst;
  /** What the engine said of why it cannot begin. */
  #refusal: string | undefined;
  #failures = 0;
  #startedAt = 0;
  #heardAt = 0;
  #listenedAt = Date.now();
  #retry: NodeJS.Timeout | undefined;
  #closing = false;
  #isReplaced = false;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #stateListeners = new Set<StateListener>();
  readonly #messageListeners = new Set<(client: number, message: unknown) => void>();

  /** @param program how to start it, asked before each start */
  constructor(
    readonly program: () => EngineProgram,
    readonly log: SupervisionLog,
  ) {
    this.#heartbeat = setInterval(() => this.#listen(), pingEveryMs);
  }

  get state(): EngineSupervision {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#engine?.pid;
  }

  onState(listener: StateListener): void {
    this.#stateListeners.add(listener);
  }

  /** Each time that an engine is ready, also after a restart. */
  onReady(listener: () => void): void {
    this.onState(({ state }, before) => {
      if (state === 'ready' && before.state !== 'ready') listener();
    });
  }

  /** Each time that there is none any more. */
  onGone(listener: () => void): void {
    this.onState(({ state }, before) => {
      if (state !== 'ready' && before.state === 'ready') listener();
    });
  }

  onMessage(listener: (client: number, message: unknown) => void): void {
    this.#messageListeners.add(listener);
  }

  /** Drops what is sent while no engine is there: those who wait are told by the state. */
  send(message: ToEngine): void {
    if (this.#state.state === 'ready') this.#engine?.send(message);
  }

  start(): void {
    clearTimeout(this.#retry);
    if (this.#engine || this.#closing) return;
    if (this.#state.state === 'stopped') this.#change({ state: 'restarting', refusal: null });
    this.#startedAt = this.#heardAt = Date.now();
    const engine: EngineProcess = new EngineProcess(this.program(), {
      message: (message) => this.#receive(message),
      line: (line) => this.log.write('engine', line),
      end: (end) => this.#ended(engine, end),
    });
    this.#engine = engine;
    this.log.write('engine', `started as process ${engine.pid ?? '?'}`);
  }

  /** Lets the engine end, with the run saved that is going, and starts another. */
  restart(reason: string): void {
    this.#failures = 0;
    const engine = this.#engine;
    if (!engine) return this.start();
    if (engine.isClosing) return;
    const isSilent = Date.now() - this.#heardAt > 2 * pingEveryMs + silentLimitMs;
    this.log.write('engine', `is asked to end: ${reason}`);
    void engine.close(isSilent ? silentLimitMs : savingLimitMs, reason);
    this.#change({ state: 'restarting' });
  }

  /** As `restart`, but the next one goes on with nothing of this one, such as one of another library: it counts as the first. */
  replace(reason: string): void {
    if (this.#engine) this.#isReplaced = true;
    else this.#change(atFirst);
    this.restart(reason);
  }

  /** What went on after the last restart. */
  setRecovered(recovered: EngineSupervision['recovered']): void {
    this.#change({ recovered });
  }

  /** For good: the engine may finish what it does for `limitMs`. */
  async close(limitMs: number): Promise<void> {
    this.#closing = true;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#retry);
    await this.#engine?.close(limitMs);
    this.#change({ state: 'stopped' });
  }

  #receive(message: FromEngine): void {
    this.#heardAt = Date.now();
    if (message.kind === 'ready') this.#change({ state: 'ready', recovered: null });
    // Starting it again by itself would meet the same.
    else if (message.kind === 'refused') this.#refusal = message.message;
    else if (message.kind === 'message') {
      for (const listener of this.#messageListeners) listener(message.client, message.message);
    }
  }

  #listen(): void {
    // After the computer slept, nobody could have answered.
    const slept = Date.now() - this.#listenedAt > hangLimitMs / 2;
    this.#listenedAt = Date.now();
    if (slept) this.#heardAt = Date.now();
    // One that saves before it ends has a limit of its own.
    if (!this.#engine || this.#engine.isClosing) return;
    if (Date.now() - this.#heardAt > hangLimitMs) {
      this.#engine.kill(`The engine did not answer for ${Math.round(hangLimitMs / 1000)} s and was ended.`);
      this.#heardAt = Date.now();
    } else this.#engine.send({ kind: 'ping', at: Date.now() });
  }

  #ended(engine: EngineProcess, { reason, detail }: EngineEnd): void {
    if (engine !== this.#engine) return;
    this.#engine = undefined;
    this.log.write('engine', reason);
    if (this.#closing) return;
    const refusal = this.#refusal;
    this.#refusal = undefined;
    if (this.#isReplaced) {
      this.#isReplaced = false;
      this.#change(atFirst);
      this.start();
      return;
    }
    if (refusal !== undefined) {
      this.#change({ state: 'stopped', refusal });
      return;
    }
    if (Date.now() - this.#startedAt > soundAfterMs) this.#failures = 0;
    const wait = waitsMs[this.#failures];
    this.#failures += 1;
    const end = { restarts: this.#state.restarts + 1, reason, detail, at: Date.now(), recovered: null };
    if (wait === undefined) {
      this.#failures = 0;
      this.#change({ ...end, state: 'stopped' });
      return;
    }
    this.#change({ ...end, state: 'restarting' });
    this.#retry = setTimeout(() => this.start(), wait);
  }

  #change(change: Partial<EngineSupervision>): void {
    const before = this.#state;
    this.#state = { ...before, ...change };
    for (const listener of this.#stateListeners) listener(this.#state, before);
  }
}
