import { spawn, type ChildProcess } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { fromEngineSchema, type FromEngine, type ToEngine } from '../protocol/supervision';

/** How an engine is started. */
export interface EngineProgram {
  /** A real Node, which the engine needs (Dawn cannot map buffers inside Electron). */
  node: string;
  /** The built host. */
  entry: string;
  parameters: readonly string[];
  /** All of its environment. */
  environment: NodeJS.ProcessEnv;
}

/** How it ended: in plain words, and the last lines that it wrote. */
export interface EngineEnd {
  reason: string;
  detail: string;
}

export interface EngineHandlers {
  message(message: FromEngine): void;
  line(line: string): void;
  end(end: EngineEnd): void;
}

const keptLines = 40;
/** Printed by Dawn for every adapter of a software driver; nobody uses that limit. */
const driverNoise = /^Warning: maxDynamic(?:Uniform|Storage)BuffersPerPipelineLayout artificially reduced/;

/** One life of the engine: a real Node process with a channel. It exits by itself when this process is gone, whatever happens. */
export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #handlers: EngineHandlers;
  #why: string | undefined;
  #closed: Promise<void> | undefined;
  #ended = false;

  constructor({ node, entry, parameters, environment }: EngineProgram, handlers: EngineHandlers) {
    this.#handlers = handlers;
    this.#child = spawn(node, ['--enable-source-maps', entry, ...parameters], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
      windowsHide: true,
    });
    this.#child.on('message', (message) => this.#receive(message));
    this.#child.on('error', (error) => this.#end(`it could not be started: ${error.message}`));
    this.#child.on('exit', (code, signal) => this.#end(describeEnd(code, signal)));
    for (const stream of [this.#child.stdout, this.#child.stderr]) this.#readLines(stream);
    // On a software device it would take the cores that the window draws with.
    if (['lavapipe', 'swiftshader'].includes(environment.IBOT_DRIVER_SOURCE ?? '')) this.#lowerPriority();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(message: ToEngine): void {
    if (this.#ended || !this.#child.connected) return;
    // A channel that breaks while sending is told by 'exit'.
    this.#child.send(message, () => {});
  }

  /** Ends it at once, for a reason that the end then tells. */
  kill(reason: string): void {
    this.#why = reason;
    this.#child.kill('SIGKILL');
  }

  /** It was let go: it says nothing any more, and may be saving. */
  get isClosing(): boolean {
    return this.#closed !== undefined;
  }

  /** Lets it finish what it does and exit; after `limitMs` it is ended. The first who asks says the limit and the reason. */
  close(limitMs: number, reason?: string): Promise<void> {
    this.#why ??= reason;
    return (this.#closed ??= this.#close(limitMs));
  }

  async #close(limitMs: number): Promise<void> {
    if (this.#ended) return;
    const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), limitMs);
    await gone;
    clearTimeout(timer);
  }

  #receive(raw: unknown): void {
    // What was on its way when it was let go is for nobody.
    if (this.isClosing) return;
    const parsed = fromEngineSchema.safeParse(raw);
    if (parsed.success) this.#handlers.message(parsed.data);
    else this.#handlers.line(`a message of the engine that is not understood: ${parsed.error.message}`);
  }

  #readLines(stream: NodeJS.ReadableStream | null): void {
    let rest = '';
    stream?.setEncoding('utf8');
    stream?.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = (lines.pop() ?? '').slice(-4096);
      for (const line of lines) {
        if (line.trim() === '' || driverNoise.test(line)) continue;
        this.#lines.push(line);
        if (this.#lines.length > keptLines) this.#lines.shift();
        this.#handlers.line(line);
      }
    });
  }

  #lowerPriority(): void {
    try {
      if (this.#child.pid) setPriority(this.#child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // Then it competes.
    }
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    // What it wrote last may still be in the pipe.
    setTimeout(() => this.#handlers.end({ reason: this.#why ?? reason, detail: this.#lines.join('\n') }), 20);
  }
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGKILL') return 'process ended by signal 9 (by hand, or the system was short of memory)';
  if (signal === 'SIGSEGV') return 'process ended by signal 11 (a fault in a driver or a library)';
  if (signal) return `process ended by ${signal}`;
  return `process ended with status ${code}`;
}
