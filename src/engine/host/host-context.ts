/** What the handlers of every area share, and what areas give each other. */
import type { Manifest, Problem } from '../data';
import type { AdapterEntry, Gpu } from '../gpu';
import type { Recipe } from '../ibot';
import type { LibraryFolders } from '../jobs';
import type { Draft, Handlers, MethodName, Settings, TopicName, TopicValue, Warning, WarningAction, Task } from '../protocol';

/** What a run gets of a dataset, as it is now: the run keeps a list of its own from then on. */
export interface DatasetPictures {
  name: string;
  /** Of the dataset; another one, perhaps other pictures. */
  revision: number;
  /** Used pictures alone, in the order of the index, with classes and split as the dataset has them. */
  manifest: Manifest;
  /** What could not be used, for the run's list. */
  problems: readonly Problem[];
  /** `whenUnreadable` is 'leave-out': go on whatever share of the pictures cannot be read. */
  allowBad: boolean;
}

/** What the other areas ask of the datasets. Implemented by the area of the datasets, which puts it into the context. */
export interface Datasets {
  /**
   * The pictures to train and measure on. @throws HostError not-found; UserError while it is being indexed, when its folder is
   * gone, or when nothing is left to train on
   */
  pictures(dataset: string): Promise<DatasetPictures>;
  /** Marks it as used now (`opened`). */
  touch(dataset: string): void;
  /** Its name; undefined where there is none of that id. */
  nameOf(dataset: string): string | undefined;
  /** Its folder, as manifests have it; undefined where there is none of that id. */
  folderOf(dataset: string): string | undefined;
  /** The dataset that reads this folder (as manifests have it). */
  byFolder(root: string): string | undefined;
  /** Ids of pictures by path below the folder, null for those it does not have; in the order given. */
  find(dataset: string, paths: readonly string[]): Promise<(number | null)[]>;
  /** Pictures whose path contains the text, of all datasets. */
  search(text: string, count: number): Promise<{ pictures: { dataset: string; picture: number; path: string }[]; more: boolean }>;
  /** Lists what a run could not read (paths below the folder) among the dataset's problems. Unknown ones are passed over. */
  noteBroken(dataset: string, pictures: readonly Problem[]): void;
  /** For the library's status: datasets, and pictures that can be used. */
  totals(): { datasets: number; pictures: number };
}

/** What the other areas ask of recipes. Implemented by the area of recipes, which puts it into the context. */
export interface Recipes {
  /**
   * The recipe of a draft, with everything resolved and fitted to the device's memory, for `runs.start`.
   * @throws HostError not-found; UserError with the first problem
   */
  resolve(draft: Draft): Promise<Recipe>;
}

/** The one device. Opened when somebody needs it first; lost ones are opened anew. */
export interface DeviceAccess {
  /** @throws UserError when there is none */
  open(): Promise<Gpu>;
  /** What is open now. */
  readonly current: { gpu: Gpu; adapter: AdapterEntry } | undefined;
  /**
   * Short work of somebody who looks (previews, attention of a picture): between the steps of the run that is going, for a
   * tenth of the time at most; at once where none is. Buffers are the work's own; it must destroy them.
   * @throws UserError when there is no device; the signal's reason when it comes before the work began
   */
  shortly<T>(work: (gpu: Gpu) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Bytes that training may use: memory less what is kept for the screen. */
  memory(): Promise<{ totalBytes: number; forRunsBytes: number; keptBytes: number; source: string; guessed: boolean }>;
  /** Floating-point operations per second in training: measured before on this machine, else measured now. */
  speed(): Promise<{ flopsPerSecond: number; measuredAt: number }>;
}

export interface NewTask {
  kind: Task['kind'];
  title: string;
  unit: string;
  dataset?: string;
  run?: string;
  total?: number;
  cancellable?: boolean;
}

export interface TaskProgress {
  signal: AbortSignal;
  /** Cheap: call it as often as you like. `total`: null while nobody knows. */
  report(done: number, total?: number | null): void;
}

/** Work in the background that is shown, and can be cancelled. */
export interface Tasks {
  /**
   * Begins at once. `finished` never rejects: what the work throws becomes the task's message (a cancelled one's abort does
   * not).
   */
  start(task: NewTask, work: (progress: TaskProgress) => Promise<void>): { task: number; finished: Promise<Task['state']> };
  readonly list: readonly Task[];
  /** @throws HostError not-found */
  cancel(task: number): void;
}

export interface NewWarning {
  code: string;
  severity: Warning['severity'];
  title: string;
  message: string;
  detail?: string;
  run?: string;
  dataset?: string;
  actions?: WarningAction[];
  /** When it was, milliseconds since 1970; now where nothing is said. */
  at?: number;
}

export interface Warnings {
  /** Tells it, once as long as one of the same code, run and dataset is there and not over. */
  raise(warning: NewWarning): void;
  /** The condition is gone: the warning leaves once it was seen. */
  over(code: string, about?: { run?: string; dataset?: string }): void;
  readonly list: readonly Warning[];
}

/** What runs and queue tell the other areas. */
export interface RunsAtWork {
  /** The run that is going in this process, and what reads which dataset. */
  readonly running: { run: string; dataset: string | null } | undefined;
  /** When the queue will be through, milliseconds since 1970; null: nothing is in it, or nobody knows. */
  endsAt(): number | null;
  /** A run that waits, is paused or is going reads this dataset. */
  usesDataset(dataset: string): boolean;
  /** The dataset that a run was made from, else the one that reads its folder. @throws HostError not-found (the run) */
  madeFrom(run: string): string | undefined;
  /** Folder of a run of the library. @throws HostError not-found */
  folderOf(run: string): string;
  /** Whether no run can be made under a name: by a run, or by a folder that is none. */
  isTaken(name: string): Promise<boolean>;
}

export interface HostContext {
  readonly library: LibraryFolders;
  /** The program's version. */
  readonly version: string;
  /** By `ibot serve`, to a browser. */
  readonly served: boolean;
  readonly settings: { readonly current: Settings };
  readonly device: DeviceAccess;
  readonly tasks: Tasks;
  readonly warnings: Warnings;
  /**
   * Tells all who subscribed. Events of one topic and key that come faster than the contract says are joined: the last value
   * counts.
   */
  emit<T extends TopicName>(topic: T, key: string | undefined, value: TopicValue<T>): void;
  /** Worker threads that read pictures are started from here; undefined: the built one. */
  readonly workerEntry: URL | undefined;
  /** Set by their areas while the host is being made; used by handlers only. */
  datasets: Datasets;
  recipes: Recipes;
  runs: RunsAtWork;
}

/** The present value of topics: what comes at once when somebody subscribes. */
export type TopicSources = {
  [T in TopicName]?: (key: string | undefined) => Promise<TopicValue<T>> | TopicValue<T>;
};

/** The part of the contract that one file in host/ serves. */
export interface Area {
  handlers: Partial<Handlers<MethodName>>;
  topics?: TopicSources;
  /** Before the engine ends. */
  close?(): Promise<void> | void;
}

/** Makes an area; may put its own part into the context (`datasets`, `recipes`, `runs`). Listed in host/areas.ts. */
export type AreaMaker = (context: HostContext) => Promise<Area> | Area;
