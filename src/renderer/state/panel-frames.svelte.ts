/** What a run saw through time: pictures of its panels, fetched anew when another panel is saved. */
import type { Image, PatchMap } from '../../engine/protocol';
import { engine } from './engine';

export interface Frame {
  epoch: number;
  colours: Image;
}
export interface Sight {
  image: Image;
  attention: PatchMap;
  colours: Image;
}

export class PanelFrames {
  #frames = $state.raw<readonly Frame[]>([]);
  #sights = $state.raw<readonly Sight[]>([]);
  #image = $state.raw<Image>();

  /** The first picture's colours at up to `most` moments, oldest first. */
  get frames(): readonly Frame[] {
    return this.#frames;
  }
  /** The first picture itself. */
  get image(): Image | undefined {
    return this.#image;
  }
  /** The newest panel of a few pictures. */
  get sights(): readonly Sight[] {
    return this.#sights;
  }

  /** Follows a run until the function that comes back is called. */
  follow(run: string, most: number, pictures: number): () => void {
    const abort = new AbortController();
    const { signal } = abort;
    const fetch = async () => {
      const { pictures: seen, panels } = await engine.call('monitor.panels', { run }, { signal });
      this.#image = seen[0]?.image;
      const last = panels.at(-1);
      if (!last || seen.length === 0) {
        this.#frames = [];
        this.#sights = [];
        return;
      }
      // Early moments change most, so they are closer together; the newest is always there.
      const places = new Set(Array.from({ length: most }, (_, i) => Math.round((panels.length - 1) * (i / Math.max(1, most - 1)) ** 1.5)));
      const steps = [...places].map((place) => panels[place]!.step);
      const { frames } = await engine.call('monitor.strip', { run, place: 0, steps }, { signal });
      this.#frames = frames.map(({ epoch, colours }) => ({ epoch, colours }));
      if (pictures === 0) return;
      const panel = await engine.call('monitor.panel', { run, step: last.step }, { signal });
      this.#sights = panel.pictures
        .slice(0, pictures)
        .flatMap(({ attention, colours }, place) => (seen[place] ? [{ image: seen[place].image, attention, colours }] : []));
    };
    // Panels of a run that has just begun may not be there: the next one tells.
    const stop = engine.subscribe('run.panel', run, () => void fetch().catch(() => {}));
    return () => {
      abort.abort();
      stop();
      this.#frames = [];
      this.#sights = [];
      this.#image = undefined;
    };
  }
}
