/** A host on a library of its own, with one dataset of tiny pictures, and a window that talks to it in cloned messages. */
import { Host, type HostOptions, type HostPort } from '../../../src/engine/host';
import type { Manifest } from '../../../src/engine/data';
import { noDatasets } from '../../../src/engine/host/not-served';
import type { Recipe } from '../../../src/engine/ibot';
import type { EngineMessage, ErrorValue, MethodName, Params, Result, TopicName, TopicValue } from '../../../src/engine/protocol';
import { parseEvent, parseResult } from '../../../src/engine/protocol';
import { decodeWorkerEntry } from '../../support/decode-worker';
import { temporaryFolder } from '../../support/temporary-folder';

export const DATASET = 'tiny1';
export const draft = { dataset: DATASET, preset: 'none', hours: null, options: {} };

export class CallError extends Error {
  constructor(readonly error: ErrorValue) {
    super(error.message);
  }
}

export class TestWindow {
  readonly messages: EngineMessage[] = [];
  private readonly waiting = new Map<number, (message: EngineMessage) => void>();
  private readonly listeners = new Set<(topic: string, key: string | undefined, value: unknown) => void>();
  private receive: (message: unknown) => void = () => undefined;
  private closed: () => void = () => undefined;
  private next = 1;

  constructor(host: Host) {
    const port: HostPort = {
      send: (message) => this.take(structuredClone(message)),
      onMessage: (handler) => (this.receive = handler),
      onClose: (handler) => (this.closed = handler),
    };
    host.serve(port);
  }

  send(message: unknown): void {
    this.receive(structuredClone(message));
  }

  /** @returns what came for this id */
  answer(id: number): Promise<EngineMessage> {
    return new Promise((resolve) => this.waiting.set(id, resolve));
  }

  async call<M extends MethodName>(method: M, params: Params<M>): Promise<Result<M>> {
    const id = this.next++;
    const answer = this.answer(id);
    this.send({ kind: 'call', id, method, params });
    const message = await answer;
    if (message.kind === 'error') throw new CallError(message.error);
    if (message.kind !== 'result') throw new Error('an event answered a call');
    return parseResult(method, message.value);
  }

  subscribe<T extends TopicName>(topic: T, key: string | undefined, handler: (value: TopicValue<T>) => void): void {
    this.listeners.add((name, of, value) => {
      if (name === topic && of === key) handler(value as TopicValue<T>);
    });
    this.send({ kind: 'subscribe', topic, ...(key === undefined ? {} : { key }) });
  }

  /** A topic's value as it is now. */
  present<T extends TopicName>(topic: T): Promise<TopicValue<T>> {
    return new Promise((resolve) => this.subscribe(topic, undefined, resolve));
  }

  close(): void {
    this.closed();
  }

  private take(message: EngineMessage): void {
    this.messages.push(message);
    if (message.kind === 'event') {
      const { topic, key, value } = parseEvent(message);
      for (const listener of this.listeners) listener(topic, key, value);
      return;
    }
    this.waiting.get(message.id)?.(message);
    this.waiting.delete(message.id);
  }
}

export interface TinyHost {
  host: Host;
  window: TestWindow;
  library: string;
  log: string[];
}

/** @param recipe what every draft comes to; with the dataset's pictures */
export async function openTinyHost(
  manifest: Manifest | undefined,
  recipe: Recipe | undefined,
  options: Partial<HostOptions> = {},
): Promise<TinyHost> {
  const library = options.library ?? temporaryFolder();
  const log: string[] = [];
  const workerEntry = await decodeWorkerEntry();
  const host = await Host.open({ decodeThreads: 0, workerEntry, lookEvery: 50, log: (line) => log.push(line), ...options, library });
  if (manifest) {
    host.context.datasets = {
      ...noDatasets,
      pictures: () => Promise.resolve({ name: 'tiny', revision: 1, manifest, problems: [], allowBad: false }),
      nameOf: (dataset) => (dataset === DATASET ? 'tiny' : undefined),
      folderOf: (dataset) => (dataset === DATASET ? manifest.root : undefined),
      byFolder: (root) => (root === manifest.root ? DATASET : undefined),
      find: (_dataset, paths) => Promise.resolve(paths.map((path) => manifest.pictures.findIndex((each) => each.path === path))),
    };
  }
  if (recipe) host.context.recipes = { resolve: () => Promise.resolve(recipe) };
  return { host, window: new TestWindow(host), library, log };
}

/** Waits until something holds, looking often. */
export async function until<T>(what: () => T | undefined | false | Promise<T | undefined | false>, seconds = 100): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await what();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`It did not happen in ${seconds} s: ${String(what)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
