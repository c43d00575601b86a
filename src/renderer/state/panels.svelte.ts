/** What the teacher of a run sees of a few fixed pictures, now and at every moment that was kept. */
import type { Image, PatchMap, Result } from '../../engine/protocol';
import { engine } from './engine';
import { Follower } from './follower';

export type Panel = Result<'monitor.panel'>;
export type Head = Result<'monitor.panels'>['panels'][number];
export type FixedPicture = Result<'monitor.panels'>['pictures'][number];
export type StripFrame = Result<'monitor.strip'>['frames'][number];

/** A picture, and what is seen of it. */
export interface Sight {
  image: Image;
  attention: PatchMap;
  colours: Image;
}

interface Wanted {
  /** Moments in the strip; 0: none is wanted. */
  strip: number;
  /** The panel of the moment that was chosen. */
  panel: boolean;
}

/** Panels that stay in memory while somebody moves through time. */
const mostKept = 64;

export class Panels {
  #pictures = $state.raw<readonly FixedPicture[]>([]);
  #heads = $state.raw<readonly Head[]>();
  #shown = $state.raw<Panel>();
  #strip = $state.raw<readonly StripFrame[]>([]);
  /** Step of the moment that was chosen; undefined: the latest. */
  #chosen = $state<number>();
  /** The picture that the strip follows. */
  #place = $state(0);
  #run = '';
  readonly #kept = new Map<number, Panel>();
  readonly #follower = new Follower((signal) => this.#fetch(signal));
  #abort: AbortController | undefined;

  constructor(private readonly wanted: Wanted = { strip: 8, panel: true }) {}

  get pictures(): readonly FixedPicture[] {
    return this.#pictures;
  }
  /** Moments, oldest first; undefined until they are known. */
  get heads(): readonly Head[] | undefined {
    return this.#heads;
  }
  /** The panel that is seen: for a moment that of another step than the chosen one. */
  get shown(): Panel | undefined {
    return this.#shown;
  }
  /** One of the pictures through time, oldest first. */
  get strip(): readonly StripFrame[] {
    return this.#strip;
  }
  /** What is seen of the first pictures. */
  sights(most: number): Sight[] {
    const seen = this.#shown?.pictures.slice(0, most) ?? [];
    return seen.flatMap(({ attention, colours }, place) => {
      const picture = this.#pictures[place];
      return picture ? [{ image: picture.image, attention, colours }] : [];
    });
  }
  get place(): number {
    return this.#place;
  }
  get isLatest(): boolean {
    return this.#chosen === undefined;
  }
  /** Place of the chosen moment among all. */
  get at(): number {
    const heads = this.#heads ?? [];
    const found = this.#chosen === undefined ? -1 : heads.findIndex(({ step }) => step === this.#chosen);
    return found < 0 ? heads.length - 1 : found;
  }
  get moment(): Head | undefined {
    return this.#heads?.[this.at];
  }

  /** Follows a run until the function that comes back is called; of the same run, what was there stays. */
  follow(run: string): () => void {
    if (run !== this.#run) this.#begin(run);
    const stop = this.#follower.follow(() => engine.subscribe('run.panel', run, () => this.#follower.fetchAgain()));
    return () => {
      stop();
      this.#abort?.abort();
    };
  }

  /** Shows the moment at this place; the last one follows the run. */
  choose(at: number): void {
    const heads = this.#heads ?? [];
    this.#chosen = at >= heads.length - 1 ? undefined : heads[at]?.step;
    void this.#show();
  }

  /** The strip shows this picture. */
  choosePicture(place: number): void {
    this.#place = place;
    this.#follower.fetchAgain();
  }

  #begin(run: string): void {
    this.#run = run;
    this.#pictures = [];
    this.#heads = undefined;
    this.#shown = undefined;
    this.#strip = [];
    this.#chosen = undefined;
    this.#place = 0;
    this.#kept.clear();
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    const { pictures, panels, basis } = await engine.call('monitor.panels', { run: this.#run }, { signal });
    const savedAt = new Map(panels.map(({ step, at }) => [step, at]));
    // Colours by other directions are others, and a run that goes on from its checkpoint saves later moments anew.
    for (const [step, kept] of this.#kept) if (kept.basis !== basis || kept.at !== savedAt.get(step)) this.#kept.delete(step);
    this.#pictures = pictures;
    this.#heads = panels;
    await this.#show();
    const steps = spread(panels.length, this.wanted.strip).map((place) => panels[place]!.step);
    const strip = steps.length > 0 && pictures[this.#place];
    this.#strip = strip ? (await engine.call('monitor.strip', { run: this.#run, place: this.#place, steps }, { signal })).frames : [];
  }

  async #show(): Promise<void> {
    this.#abort?.abort();
    const step = this.wanted.panel ? this.moment?.step : undefined;
    if (step === undefined) {
      this.#shown = undefined;
      return;
    }
    const abort = new AbortController();
    this.#abort = abort;
    const kept = this.#kept.get(step);
    try {
      const panel = kept ?? (await engine.call('monitor.panel', { run: this.#run, step }, { signal: abort.signal }));
      this.#kept.set(step, panel);
      for (const old of [...this.#kept.keys()].slice(0, Math.max(0, this.#kept.size - mostKept))) this.#kept.delete(old);
      if (this.#abort === abort) this.#shown = panel;
    } catch {
      // Cancelled by the next moment, or no more there: the list of moments tells when it is fetched again.
    }
  }
}

/** Places of up to `most` among `count`, the first and the last with them. Early moments change most, so they are closer together. */
function spread(count: number, most: number): number[] {
  if (count === 0 || most === 0) return [];
  const place = (i: number) => Math.round((count - 1) * (i / Math.max(1, most - 1)) ** 1.5);
  return [...new Set(Array.from({ length: most }, (_, i) => place(i)))];
}
