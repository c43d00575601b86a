import { untrack, type Component } from 'svelte';

/** Something that can be run from the palette. */
export interface Command {
  /** Unique; also what the system's menu calls it. */
  name: string;
  title: string;
  /** Under which heading: "Commands", "Views", "Runs", "Datasets" … */
  kind: string;
  /** Right of the title, quieter. */
  hint?: string;
  icon: Component<Record<string, unknown>>;
  /** As tinykeys writes it: `$mod+Shift+KeyC`. Works from everywhere while the command is there. */
  keys?: string;
  /** The same on other keyboards; not shown. */
  otherKeys?: readonly string[];
  run(): void;
}

/** Finds commands by what was typed, such as pictures by their path. */
export type CommandSource = (text: string, signal: AbortSignal) => Promise<Command[]> | Command[];

class Commands {
  #lists = $state.raw<readonly (() => Command[])[]>([]);
  readonly sources = new Set<CommandSource>();

  /** All that can be run now. */
  get all(): Command[] {
    return this.#lists.flatMap((list) => list());
  }

  find(name: string): Command | undefined {
    return this.all.find((command) => command.name === name);
  }

  /** Adds commands until the function that comes back is called; the list is read each time. */
  add(list: () => Command[]): () => void {
    this.#lists = [...this.#lists, list];
    return () => (this.#lists = this.#lists.filter((each) => each !== list));
  }

  addSource(source: CommandSource): () => void {
    this.sources.add(source);
    return () => this.sources.delete(source);
  }
}

export const commands = new Commands();

/** Commands as long as the component that calls this is there. */
export function useCommands(list: () => Command[]): void {
  $effect(() => untrack(() => commands.add(list)));
}
