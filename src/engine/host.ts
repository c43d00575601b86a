/**
 * Serves the contract (`protocol.ts`) over anything that carries messages: the desktop's channel, a WebSocket, a test. One file
 * per area is in host/; what they share is in `host/host-context.ts`. Knows no Electron.
 */
import { holdLibrary, openLibrary, type LibraryFolders } from './jobs';
import type { EngineStatus, Handlers, MethodName } from './protocol';
import type { Lock } from './runs';
import { areas } from './host/areas';
import { Connection, type HostPort } from './host/connection';
import { HostDevice } from './host/device-access';
import { devicesArea } from './host/devices';
import { engineArea } from './host/engine';
import type { Area, HostContext, TopicSources } from './host/host-context';
import { libraryArea } from './host/library';
import { monitorArea } from './host/monitor';
import { noDatasets, noRecipes } from './host/not-served';
import { queueArea } from './host/queue';
import { RunDesk } from './host/run-desk';
import { runsArea } from './host/runs';
import { runsKeepingArea } from './host/runs-keeping';
import type { HostServices } from './host/services';
import { SettingsStore } from './host/settings';
import { TaskList } from './host/task-list';
import { TopicHub } from './host/topic-hub';
import { WarningList } from './host/warning-list';
import { VERSION } from './version';

export type { HostPort } from './host/connection';

export interface HostOptions {
  /** Folder of the library; made where it is not there. */
  library: string;
  /** By `ibot serve`: windows are browsers. */
  served?: boolean;
  /** The built decode-worker; by default the one beside the program. */
  workerEntry?: URL;
  /** Decoding threads in place of the setting's and the recipes'; 0 decodes in this thread. */
  decodeThreads?: number;
  /** Folder of measured kernel choices, shared with the command line. */
  kernelCache?: string;
  /** Hears of defects, one text each. */
  log?: (line: string) => void;
  /** Ends the process, after `engine.shutdown`. */
  exit?: () => void;
  /** Milliseconds between looks at what other processes do. */
  lookEvery?: number;
}

/** Areas that look after the host's own parts. */
const OWN = [engineArea, devicesArea, libraryArea, queueArea, runsArea, runsKeepingArea, monitorArea];

/** How runs that are going end with the engine. */
export type Ending = 'save' | 'discard' | 'leave';

export class Host {
  private closing: Promise<void> | undefined;

  private constructor(
    readonly context: HostContext,
    private readonly hub: TopicHub,
    private readonly handlers: Partial<Handlers<MethodName>>,
    private readonly parts: { areas: Area[]; desk: RunDesk; device: HostDevice; tasks: TaskList; lock: Lock; report: (error: unknown) => void },
  ) {}

  /** @throws UserError when the library cannot be used, also while another workbench has it open */
  static async open(options: HostOptions): Promise<Host> {
    const library = await openLibrary(options.library);
    const lock = await holdLibrary(library);
    try {
      return await Host.openHeld(options, library, lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  private static async openHeld(options: HostOptions, library: LibraryFolders, lock: Lock): Promise<Host> {
    const report = (error: unknown): void => options.log?.(error instanceof Error ? (error.stack ?? error.message) : String(error));
    const settings = await SettingsStore.read(library.settings);
    const sources: TopicSources = {};
    const hub = new TopicHub(sources, report);
    const warnings = new WarningList(() => hub.emit('warnings', undefined, { warnings: [...warnings.list] }));
    const tasks = new TaskList(() => hub.emit('tasks', undefined, { tasks: [...tasks.list] }), report);
    const device = new HostDevice(library.cache, settings, warnings);
    await device.readSpeeds();
    const desk = new RunDesk({ library, settings, warnings, device, hub, report, options });
    const context: HostContext = {
      library,
      version: VERSION,
      served: options.served ?? false,
      settings,
      device,
      tasks,
      warnings,
      emit: (topic, key, value) => hub.emit(topic, key, value),
      workerEntry: options.workerEntry,
      datasets: noDatasets,
      recipes: noRecipes,
      runs: desk,
    };
    const services: HostServices = {
      ...{ context, hub, settings, warnings, tasks, device, desk, report },
      close: (ending) => host.close(ending),
      exit: options.exit ?? (() => undefined),
    };
    const made: Area[] = [];
    const handlers: Partial<Handlers<MethodName>> = {};
    const add = (area: Area): void => {
      made.push(area);
      Object.assign(handlers, area.handlers);
      Object.assign(sources, area.topics);
    };
    for (const make of areas) add(await make(context));
    await desk.open(context);
    for (const make of OWN) add(make(services));
    const host = new Host(context, hub, handlers, { areas: made, desk, device, tasks, lock, report });
    desk.start();
    // Whoever looks wants to know what computes; nobody has to wait for it.
    void device.open().catch(() => undefined);
    return host;
  }

  /** A window's connection; it lasts until the port closes. */
  serve(port: HostPort): void {
    void new Connection(port, { handlers: this.handlers, hub: this.hub, report: this.parts.report });
  }

  get status(): EngineStatus {
    return this.parts.desk.status;
  }

  /**
   * Ends everything. The first call counts. @throws UserError when `save` was asked for and saving failed: then everything goes
   * on
   */
  close(ending: Ending): Promise<void> {
    this.closing ??= this.closeNow(ending).catch((error: unknown) => {
      this.closing = undefined;
      throw error;
    });
    return this.closing;
  }

  private async closeNow(ending: Ending): Promise<void> {
    const { areas: made, desk, device, tasks, lock, report } = this.parts;
    await desk.close(ending);
    await tasks.close();
    for (const area of [...made].reverse()) {
      try {
        await area.close?.();
      } catch (error) {
        report(error);
      }
    }
    this.hub.close();
    device.close();
    await lock.release();
  }
}
