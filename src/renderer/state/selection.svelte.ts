/**
 * Pictures that are selected, of one dataset at a time. There is one selection for all views, so that what was chosen in the grid can
 * be looked at elsewhere.
 */
class PictureSelection {
  #ids = new Set<number>();
  #dataset: string | undefined;
  /** Sets are too large to be copied at each change; this tells of it instead. */
  #version = $state(0);

  /** The dataset that the pictures are of; undefined: nothing is selected. */
  get dataset(): string | undefined {
    return this.#version >= 0 && this.#ids.size > 0 ? this.#dataset : undefined;
  }

  size(dataset: string): number {
    return this.#version >= 0 && this.#dataset === dataset ? this.#ids.size : 0;
  }

  has(dataset: string, picture: number): boolean {
    return this.#version >= 0 && this.#dataset === dataset && this.#ids.has(picture);
  }

  /** In the order in which they were selected. */
  ids(dataset: string): Uint32Array<ArrayBuffer> {
    return this.#version >= 0 && this.#dataset === dataset ? Uint32Array.from(this.#ids) : new Uint32Array();
  }

  set(dataset: string, pictures: Iterable<number>): void {
    this.#dataset = dataset;
    this.#ids = new Set(pictures);
    this.#version++;
  }

  add(dataset: string, pictures: Iterable<number>): void {
    if (this.#dataset !== dataset) return this.set(dataset, pictures);
    for (const picture of pictures) this.#ids.add(picture);
    this.#version++;
  }

  toggle(dataset: string, picture: number): void {
    if (this.#dataset !== dataset) return this.set(dataset, [picture]);
    if (!this.#ids.delete(picture)) this.#ids.add(picture);
    this.#version++;
  }

  clear(): void {
    if (this.#ids.size === 0) return;
    this.#ids = new Set();
    this.#version++;
  }
}

export const selection = new PictureSelection();
