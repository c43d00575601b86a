/** What the teacher sees of a few fixed pictures, now and at every moment that was kept. */
import type { Result } from '../../../engine/protocol';
import { engine } from '../../state';
import { Follower } from './follower';

export type Panel = Result<'monitor.panel'>;
export type Head = Result<'monitor.panels'>['panels'][number];
export type FixedPicture = Result<'monitor.panels'>['pictures'][number];
export type StripFrame = Result<'monitor.strip'>['frames'][number];

/** Pictures in the strip. */
const frames = 8;
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
  get strip(): readonly StripFrame[] {
    return this.#strip;
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

  follow(run: string): () => void {
    this.#run = run;
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

  async #fetch(signal: AbortSignal): Promise<void> {
    const { pictures, panels } = await engine.call('monitor.panels', { run: this.#run }, { signal });
    // With each new moment the colours of all others may have become others, too.
    if (panels.at(-1)?.step !== this.#heads?.at(-1)?.step) this.#kept.clear();
    this.#pictures = pictures;
    this.#heads = panels;
    await this.#show();
    // Early moments change most, so they are closer together.
    const places = new Set(Array.from({ length: frames }, (_, i) => Math.round((panels.length - 1) * (i / (frames - 1)) ** 1.5)));
    const steps = [...places].flatMap((place) => panels[place]?.step ?? []);
    const strip = steps.length > 0 && pictures[this.#place];
    this.#strip = strip ? (await engine.call('monitor.strip', { run: this.#run, place: this.#place, steps }, { signal })).frames : [];
  }

  async #show(): Promise<void> {
    this.#abort?.abort();
    const step = this.moment?.step;
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
