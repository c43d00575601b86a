import { hostname } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors';
import { EngineClient, recoverAfterCrashes, Relay, Supervisor, type EngineProgram, type SupervisionLog } from '../supervise';
import { Access } from './access';
import { browserService, browserTopics } from './browser-service';
import { readRenderer } from './renderer-files';
import { WebServer } from './web-server';
import { WindowState } from './window-state';

export interface ServeOptions {
  /** Folder of the library; it is there. */
  library: string;
  /** What to listen on. */
  address: string;
  /** 0: any that is free. */
  port: number;
  /** How many ports after it may be tried when it is taken. */
  otherPorts?: number;
  /** Further names by which browsers know this machine. */
  names?: readonly string[];
  /** Folder of the built window. */
  renderer: string;
  engine: EngineProgram;
  log: SupervisionLog;
}

export interface ServedWorkbench {
  port: number;
  token: string;
  /** The engine's process now. */
  readonly enginePid: number | undefined;
  /** Ends server and engine; the engine may save what is going for `limitMs`. */
  close(limitMs: number): Promise<void>;
}

/**
 * Opens the workbench to browsers. @throws UserError when the window is not built, no port can be had, or the engine cannot begin,
 * as while another workbench has the library open
 */
export async function openServedWorkbench(options: ServeOptions): Promise<ServedWorkbench> {
  const { library, address, log } = options;
  const files = await readRenderer(options.renderer);
  const state = await WindowState.read(join(library, 'window.json'));
  const access = new Access({ address, names: [hostname(), ...(options.names ?? [])] });
  const supervisor = new Supervisor(() => options.engine, log);
  const engine = new EngineClient(supervisor);
  const relay = new Relay<undefined>(supervisor, browserService(state, supervisor), browserTopics(state, supervisor));
  recoverAfterCrashes(supervisor, engine);
  const server = new WebServer({
    access,
    files,
    picture: ({ dataset, picture, size, partial }) =>
      engine.call('pictures.read', { dataset, picture, size, partial: partial ?? false }).catch(() => undefined),
    connect: (port) => void relay.connect(port, undefined),
    report: (line) => log.write('server', line),
  });
  let port: number;
  try {
    port = await listen(server, options);
  } catch (error) {
    await supervisor.close(0);
    throw error;
  }
  supervisor.start();
  const refusal = await firstRefusal(supervisor);
  if (refusal !== null) {
    await Promise.all([server.close(), supervisor.close(0)]);
    throw new UserError(refusal);
  }
  return {
    port,
    token: access.token,
    get enginePid() {
      return supervisor.pid;
    },
    async close(limitMs) {
      await Promise.all([server.close(), supervisor.close(limitMs)]);
    },
  };
}

/** Waits until the engine is ready or has ended. @returns why it cannot begin; null where it begins, or may when it is started again */
function firstRefusal(supervisor: Supervisor): Promise<string | null> {
  return new Promise((resolve) =>
    supervisor.onState(({ state, refusal }) => {
      if (state !== 'starting') resolve(refusal);
    }),
  );
}

/** A second library on the same machine is served on the next port. */
async function listen(server: WebServer, { address, port, otherPorts = 0 }: ServeOptions): Promise<number> {
  for (let more = otherPorts; ; port++, more--) {
    try {
      return await server.listen(address, port);
    } catch (error) {
      const isTaken = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE';
      if (!isTaken || more <= 0 || port === 0) throw error;
    }
  }
}
