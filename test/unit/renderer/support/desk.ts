/**
 * The window's state without a window: what it needs of a page while it is loaded, and the other end of its port, where a test answers
 * in place of desktop and engine, by the messages of the contract. Import it before anything of the window.
 */
import type {
  CallMessage,
  ClientMessage,
  DesktopMethodName,
  EngineMessage,
  EngineSupervision,
  ErrorValue,
  MethodName,
  Params,
  Result,
} from '../../../../src/engine/protocol';

type AnyMethod = MethodName | DesktopMethodName;
type Call<M extends AnyMethod> = CallMessage & { params: Params<M> };
type Port = MessagePort & { unref(): void };

const limitMs = 5000;

class Desk {
  /** All that was sent, in order. */
  readonly heard: ClientMessage[] = [];
  /** Calls that wait for an answer. */
  #open: CallMessage[] = [];

  constructor(private readonly port: MessagePort) {
    port.onmessage = ({ data }: MessageEvent<ClientMessage>) => {
      this.heard.push(data);
      if (data.kind === 'call') this.#open.push(data);
      if (data.kind === 'cancel') this.#open = this.#open.filter(({ id }) => id !== data.id);
    };
  }

  /** The oldest call of this method that waits; it comes soon. */
  async asked<M extends AnyMethod>(method: M): Promise<Call<M>> {
    const until = Date.now() + limitMs;
    for (;;) {
      const call = this.#open.find((each) => each.method === method);
      if (call) {
        this.#open = this.#open.filter((each) => each !== call);
        return call as Call<M>;
      }
      if (Date.now() > until) throw new Error(`${method} was not asked.`);
      await settled();
    }
  }

  answer<M extends AnyMethod>(call: Call<M>, value: Result<M>): Promise<void> {
    return this.#send({ kind: 'result', id: call.id, value });
  }

  refuse(call: CallMessage, error: ErrorValue): Promise<void> {
    return this.#send({ kind: 'error', id: call.id, error });
  }

  /** What has become of the engine's process. */
  engineIs(state: EngineSupervision['state']): Promise<void> {
    return this.tell('desktop.engine', { state, restarts: 0, reason: null, detail: null, at: null, refusal: null, recovered: null } satisfies EngineSupervision);
  }

  tell(topic: string, value: unknown, key?: string): Promise<void> {
    return this.#send({ kind: 'event', topic, value, ...(key === undefined ? {} : { key }) });
  }

  /** Methods that were called since the desk was wiped. */
  get methods(): string[] {
    return this.heard.flatMap((message) => (message.kind === 'call' ? [message.method] : []));
  }

  wipe(): void {
    this.heard.length = 0;
    this.#open = [];
  }

  #send(message: EngineMessage): Promise<void> {
    this.port.postMessage(message);
    return settled();
  }
}

/** What is on its way between both ends has come, and what follows from it has been done. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve));
}

/** Loads the window's state as a page of the desktop does, and hands it a port as the preload script does. */
async function connect(): Promise<Desk> {
  const page = Object.assign(new EventTarget(), { postMessage: () => {} });
  const globals = { window: page, location: { protocol: 'ibot-app:', origin: 'ibot-app://window', hash: '' } };
  Object.assign(globalThis, globals);
  await import('../../../../src/renderer/state');
  const { port1, port2 } = new MessageChannel();
  page.dispatchEvent(Object.assign(new Event('message'), { source: page, data: 'ibot-port', ports: [port1] }));
  const made = new Desk(port2);
  for (const port of [port1, port2]) (port as Port).unref();
  for (const name of Object.keys(globals)) Reflect.deleteProperty(globalThis, name);
  await made.engineIs('ready');
  return made;
}

export const desk = await connect();
