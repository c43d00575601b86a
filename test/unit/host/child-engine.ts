/** The engine as a process of its own, as the desktop starts it, and a window that talks to it over the channel. */
import { spawn, type ChildProcess } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Host, HostPort } from '../../../src/engine/host';
import { fromEngineSchema, type ToEngine } from '../../../src/engine/protocol/supervision';
import { TestWindow } from './tiny-host';

/** The environment with another cache for the program, and the driver's own as it is: compiling everything anew takes minutes. */
export function withCache(cache: string): NodeJS.ProcessEnv {
  const usual = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return { MESA_SHADER_CACHE_DIR: usual, ...process.env, XDG_CACHE_HOME: cache };
}

export class ChildEngine {
  readonly child: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals | null>;
  readonly ready: Promise<TestWindow>;
  errors = '';

  /** @param cache folder of what is kept between runs, such as measured choices of kernels */
  constructor(entry: string, library: string, cache: string) {
    this.child = spawn(process.execPath, [entry, '--library', library], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
      env: withCache(cache),
    });
    this.child.stderr!.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    this.child.stdout!.resume();
    this.ended = new Promise((resolve) => this.child.on('exit', (status, signal) => resolve(signal ?? status)));
    this.ready = new Promise((resolve, reject) => {
      this.child.on('message', (raw) => {
        if (fromEngineSchema.parse(raw).kind === 'ready') resolve(this.window());
      });
      void this.ended.then((how) => reject(new Error(`The engine ended (${how}): ${this.errors}`)));
    });
  }

  say(message: ToEngine): void {
    this.child.send(message);
  }

  private window(): TestWindow {
    this.say({ kind: 'open', client: 1 });
    // The test's window speaks to a host; this one hands its messages to the child.
    const host = {
      serve: (window: HostPort) => {
        this.child.on('message', (raw) => {
          const message = fromEngineSchema.parse(raw);
          if (message.kind === 'message') window.send(message.message as Parameters<HostPort['send']>[0]);
        });
        window.onMessage((message) => this.say({ kind: 'message', client: 1, message }));
      },
    };
    return new TestWindow(host as unknown as Host);
  }
}
