/** The runs of a library: those in its folder `runs`, and those from elsewhere that somebody added. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { writeFileAtomic } from '../formats';
import type { LibraryFolders } from '../jobs';
import { readRunFolder } from '../runs';
import { runName } from '../protocol';
import { notFound } from './host-error';
import { OneAtATime } from './one-at-a-time';
import { RunEntry } from './run-entry';

const added = z.array(z.object({ name: z.string(), folder: z.string() }));

export interface RegistryChange {
  changed: RunEntry[];
  gone: string[];
}

export class RunRegistry {
  private entries = new Map<string, RunEntry>();
  private elsewhere: z.infer<typeof added> = [];
  private refreshing: Promise<RegistryChange> | undefined;
  private readonly changes = new OneAtATime();

  constructor(private readonly library: LibraryFolders) {}

  async open(): Promise<void> {
    try {
      this.elsewhere = added.parse(JSON.parse(await readFile(this.listFile, 'utf8')));
    } catch {
      this.elsewhere = [];
    }
    await this.refresh();
  }

  private get listFile(): string {
    return join(this.library.folder, 'runs-elsewhere.json');
  }

  /** Newest first. */
  get all(): RunEntry[] {
    const time = ({ record }: RunEntry): number => Date.parse(record?.created ?? '') || 0;
    return [...this.entries.values()].filter(({ record }) => record).sort((a, b) => time(b) - time(a) || (a.name < b.name ? -1 : 1));
  }

  /** @throws HostError not-found */
  get(name: string): RunEntry {
    const entry = this.find(name);
    if (!entry) throw notFound(`run ${JSON.stringify(name)}`);
    return entry;
  }

  find(name: string): RunEntry | undefined {
    const entry = this.entries.get(name);
    return entry?.record ? entry : undefined;
  }

  byFolder(folder: string): RunEntry | undefined {
    return [...this.entries.values()].find((entry) => entry.folder === folder);
  }

  /** Whether a name is taken, also by a folder that is no run; case counts for nothing, as on many disks. */
  async isTaken(name: string): Promise<boolean> {
    const lower = name.toLowerCase();
    const names = await readdir(this.library.runs).catch(() => [] as string[]);
    return [...this.entries.keys(), ...names].some((each) => each.toLowerCase() === lower);
  }

  /** Looks at the folders again. Calls at the same time share one look. */
  refresh(): Promise<RegistryChange> {
    this.refreshing ??= this.refreshNow().finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  /** Looks at one run, after something was done to it. */
  async refreshOne(name: string): Promise<RunEntry> {
    await this.refreshing?.catch(() => undefined);
    const known = this.entries.get(name);
    const entry = known ?? new RunEntry(name, join(this.library.runs, name), false);
    await entry.refresh();
    this.entries.set(name, entry);
    return entry;
  }

  /** Takes a run from elsewhere into the list. @throws UserError when there is none */
  async add(path: string): Promise<RunEntry> {
    const folder = resolve(path);
    await readRunFolder(folder);
    return this.changes.run(async () => {
      const known = this.byFolder(folder);
      if (known) return known;
      const name = await this.freeName(basename(folder));
      await this.writeList([...this.elsewhere, { name, folder }]);
      const entry = new RunEntry(name, folder, true);
      await entry.refresh();
      this.entries.set(name, entry);
      return entry;
    });
  }

  /** Takes it out of the list; files are the caller's. */
  forget(name: string): Promise<void> {
    return this.changes.run(async () => {
      // A look that began before would bring it back.
      await this.refreshing?.catch(() => undefined);
      this.entries.delete(name);
      if (this.elsewhere.some((each) => each.name === name)) {
        await this.writeList(this.elsewhere.filter((each) => each.name !== name));
      }
    });
  }

  /** The entry has another name and perhaps another folder. */
  moved(from: RunEntry, name: string, folder: string): Promise<RunEntry> {
    return this.changes.run(async () => {
      await this.refreshing?.catch(() => undefined);
      if (from.isElsewhere) await this.writeList(this.elsewhere.map((each) => (each.name === from.name ? { name, folder } : each)));
      this.entries.delete(from.name);
      const entry = new RunEntry(name, folder, from.isElsewhere);
      await entry.refresh();
      this.entries.set(name, entry);
      return entry;
    });
  }

  /** The name, or the name with a number. */
  async freeName(wanted: string): Promise<string> {
    const base = runName.safeParse(wanted).success ? wanted : wanted.replace(/[^\w .-]+/g, '-').replace(/^[. -]+|[. -]+$/g, '') || 'run';
    for (let i = 1; ; i++) {
      const name = i === 1 ? base.slice(0, 80) : `${base.slice(0, 74)} ${i}`;
      if (!(await this.isTaken(name))) return name;
    }
  }

  private async writeList(list: z.infer<typeof added>): Promise<void> {
    await writeFileAtomic(this.listFile, `${JSON.stringify(list, null, 2)}\n`);
    this.elsewhere = list;
  }

  private async refreshNow(): Promise<RegistryChange> {
    const names = await readdir(this.library.runs, { withFileTypes: true }).catch(() => undefined);
    if (!names) throw new UserError(`The library's folder ${this.library.runs} cannot be read: is its disk connected?`);
    const wanted = new Map<string, { folder: string; isElsewhere: boolean }>();
    for (const { name, folder } of this.elsewhere) wanted.set(name, { folder, isElsewhere: true });
    for (const entry of names) {
      const name = entry.name;
      if (!entry.isDirectory() || !runName.safeParse(name).success) continue;
      wanted.set(name, { folder: join(this.library.runs, name), isElsewhere: false });
    }
    const change: RegistryChange = { changed: [], gone: [] };
    for (const [name, { folder, isElsewhere }] of wanted) {
      const known = this.entries.get(name);
      const entry = known ?? new RunEntry(name, folder, isElsewhere);
      if (!known && !(await stat(join(folder, 'run.json')).catch(() => undefined))) continue;
      const wasRun = entry.record !== undefined;
      const isChanged = await entry.refresh();
      this.entries.set(name, entry);
      if (entry.record && isChanged) change.changed.push(entry);
      else if (wasRun && !entry.record) change.gone.push(name);
    }
    for (const name of [...this.entries.keys()].filter((each) => !wanted.has(each))) {
      this.entries.delete(name);
      change.gone.push(name);
    }
    return change;
  }
}
