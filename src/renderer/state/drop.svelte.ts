import { toasts } from './notices.svelte';
import { isDesktop } from './transport';

type Handler = (paths: string[]) => void;

/** Folders and files dragged over the window: shows that they may be dropped, and hands over their paths (the desktop alone). */
class Drop {
  #over = $state(false);
  /** Of those who are there, the last one that came is asked. */
  #handlers: readonly Handler[] = [];
  #depth = 0;

  get over(): boolean {
    return this.#over;
  }

  start(): void {
    const files = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true;
    window.addEventListener('dragenter', (event) => {
      if (!files(event)) return;
      this.#depth += 1;
      this.#over = isDesktop && this.#handlers.length > 0;
    });
    window.addEventListener('dragleave', (event) => {
      if (!files(event)) return;
      this.#depth = Math.max(0, this.#depth - 1);
      if (this.#depth === 0) this.#over = false;
    });
    // Without this the page would be left for the file.
    window.addEventListener('dragover', (event) => event.preventDefault());
    window.addEventListener('drop', (event) => {
      event.preventDefault();
      this.#depth = 0;
      this.#over = false;
      if (!isDesktop && files(event)) toasts.say('A browser tells no page where a folder lies: add it by the button instead.');
    });
    window.addEventListener('message', ({ source, data }) => {
      if (source === window && data?.kind === 'ibot-dropped' && Array.isArray(data.paths)) this.#handlers.at(-1)?.(data.paths as string[]);
    });
  }

  /** Who takes what is dropped anywhere in the window, until the function that comes back is called; then who did before. */
  take(handler: Handler): () => void {
    this.#handlers = [...this.#handlers, handler];
    // Views come before the one that they replace has gone, so these need not go in order.
    return () => (this.#handlers = this.#handlers.filter((each) => each !== handler));
  }
}

export const drop = new Drop();
