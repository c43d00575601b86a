import type { Result } from '../../engine/protocol';
import { engine, type PickRequest } from '../state';
import { plural } from '../state/words';

type Listing = Result<'files.list'>;
type Entry = Listing['entries'][number];

/** A folder of the engine's machine that is looked at, to choose it or something in it. */
export class FolderView {
  /** Place of the highlighted entry; −1: none. */
  place = $state(-1);
  hidden = $state(false);
  #listing = $state.raw<Listing>();
  #problem = $state<string>();
  #loading = $state(true);
  #summary = $state('');
  readonly #request: PickRequest;
  #reading: AbortController | undefined;
  #inspecting: AbortController | undefined;
  readonly #endEffects: () => void;

  readonly entries: readonly Entry[] = $derived.by(() => {
    const { kind, endings } = this.#request;
    const fits = ({ name }: Entry) => endings.length === 0 || endings.some((ending) => name.toLowerCase().endsWith(`.${ending}`));
    return (this.#listing?.entries ?? []).filter((entry) => entry.kind === 'folder' || (kind === 'file' && fits(entry)));
  });
  readonly selected: Entry | undefined = $derived(this.entries[this.place]);
  /** What the button chooses: the highlighted entry, or the folder that is open. */
  readonly choice: { path: string; name: string } | undefined = $derived.by(() => {
    const entry = this.selected;
    if (this.#request.kind === 'file') return entry?.kind === 'folder' ? undefined : entry;
    const path = this.#listing?.path;
    return entry ?? (path === undefined ? undefined : { path, name: path.split(/[\\/]/).pop() || path });
  });

  constructor(request: PickRequest) {
    this.#request = request;
    let before = this.hidden;
    this.#endEffects = $effect.root(() => {
      $effect(() => {
        if (this.hidden === before) return;
        before = this.hidden;
        this.open(this.#listing?.path);
      });
      $effect(() => this.#inspect(request.kind === 'folder' ? this.choice?.path : undefined));
    });
    this.open(request.start);
  }

  get listing(): Listing | undefined {
    return this.#listing;
  }

  /** Why a folder cannot be looked at; the one before stays. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get loading(): boolean {
    return this.#loading;
  }

  /** What is in the choice, in words. */
  get summary(): string {
    return this.#summary;
  }

  open(path: string | undefined): void {
    void this.#read(path || undefined);
  }

  up(): void {
    const parent = this.#listing?.parent;
    if (parent != null) void this.#read(parent, this.#listing?.path);
  }

  move(step: number): void {
    if (this.entries.length > 0) this.place = Math.max(0, Math.min(this.entries.length - 1, this.place + step));
  }

  /** The next entry that begins with a letter. */
  find(letter: string): void {
    const begins = ({ name }: Entry) => name.toLowerCase().startsWith(letter.toLowerCase());
    const next = this.entries.findIndex((entry, place) => place > this.place && begins(entry));
    this.place = next >= 0 ? next : Math.max(this.place, this.entries.findIndex(begins));
  }

  close(): void {
    this.#endEffects();
    this.#reading?.abort();
    this.#inspecting?.abort();
  }

  async #read(path: string | undefined, from?: string): Promise<void> {
    this.#reading?.abort();
    const asked = (this.#reading = new AbortController());
    this.#loading = true;
    try {
      const params = { hidden: this.hidden, ...(path === undefined ? {} : { path }) };
      this.#listing = await engine.call('files.list', params, { signal: asked.signal });
      this.#problem = undefined;
      this.place = from === undefined ? -1 : this.entries.findIndex((entry) => entry.path === from);
    } catch (error) {
      // Another folder was opened meanwhile.
      if (asked.signal.aborted) return;
      this.#problem = (error as Error).message;
    }
    this.#loading = false;
  }

  #inspect(path: string | undefined): void {
    this.#inspecting?.abort();
    this.#summary = '';
    if (path === undefined) return;
    const asked = (this.#inspecting = new AbortController());
    engine.call('files.inspect', { path }, { signal: asked.signal }).then(
      (found) => {
        if (this.#inspecting === asked) this.#summary = wordsOf(found);
      },
      () => {},
    );
  }
}

function wordsOf({ kind, pictures, more, classes, dataset }: Result<'files.inspect'>): string {
  if (kind === 'run') return 'A run';
  if (pictures === 0) return more ? 'No pictures at first sight' : 'No pictures in here';
  const count = `${more ? 'more than ' : ''}${plural(pictures, 'picture')}`;
  const known = dataset === null ? '' : ', a dataset already';
  return `${count}${classes > 1 ? ` in ${plural(classes, 'folder')}` : ''}${known}`;
}
