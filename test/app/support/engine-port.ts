/** The engine asked directly, over the port that the page has: in the messages of the contract, or whatever else a page could send. */
import type { Page } from 'playwright-core';
import type { DesktopMethodName, ErrorValue, MethodName, Params, Result } from '../../../src/engine/protocol';
import { until } from './until';

/** Beyond all that the page's own calls have. */
let nextId = 1_000_000_000;

interface Answer {
  value?: unknown;
  error?: ErrorValue;
}

interface Listening {
  ibotTestPort?: { post(message: unknown): void; waiting: Map<number, (answer: Answer) => void> };
}

/** Takes hold of the page's port; the page goes on using it. Again after a reload. */
async function listen(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const known = globalThis as Listening;
    if (known.ibotTestPort) return;
    const port = await new Promise<MessagePort>((resolve) => {
      const hear = ({ data, ports }: MessageEvent) => {
        if (data !== 'ibot-port' || !ports[0]) return;
        window.removeEventListener('message', hear);
        resolve(ports[0]);
      };
      window.addEventListener('message', hear);
      window.postMessage('ibot-connect', location.origin);
    });
    const waiting = new Map<number, (answer: Answer) => void>();
    port.addEventListener('message', ({ data }: MessageEvent<{ id?: number; value?: unknown; error?: ErrorValue }>) => {
      if (data?.id === undefined || !waiting.has(data.id)) return;
      waiting.get(data.id)!(data.error ? { error: data.error } : { value: data.value });
      waiting.delete(data.id);
    });
    known.ibotTestPort = { post: (message) => port.postMessage(message), waiting };
  });
}

/** Sends messages as they are; resolves to the answers to their ids, in the same order. */
export async function sendRaw(page: Page, messages: readonly (object & { id: number })[]): Promise<Answer[]> {
  await listen(page);
  return page.evaluate((all) => {
    const { waiting, post } = (globalThis as Listening).ibotTestPort!;
    const answers = all.map((sent) => new Promise<Answer>((resolve) => waiting.set(sent.id, resolve)));
    for (const sent of all) post(sent);
    return Promise.all(answers);
  }, messages as (object & { id: number })[]);
}

/** Sends messages that nobody answers. */
export async function sendUnheard(page: Page, messages: readonly unknown[]): Promise<void> {
  await listen(page);
  await page.evaluate((sent) => sent.forEach((message) => (globalThis as Listening).ibotTestPort!.post(message)), messages as unknown[]);
}

export const freshId = (): number => nextId++;

/** Calls a method, once there is an engine. @throws Error with the sentence that the engine answered */
export async function ask<M extends MethodName | DesktopMethodName>(page: Page, method: M, params: Params<M>): Promise<Result<M>> {
  const { value, error } = await until('answer of the engine', async () => {
    const [answer] = await sendRaw(page, [{ kind: 'call', id: freshId(), method, params } as object & { id: number }]);
    // It was not sent on.
    return !answer!.error?.message.startsWith('The engine is being started') && answer!;
  });
  if (error) throw new Error(error.message);
  return value as Result<M>;
}
