import type { WatchedPage } from './watched-page';

/** A window of the program with a library of its own: what it has in the desktop program and in a browser alike. */
export interface ProgramWindow extends WatchedPage {
  library: string;
  /** The process of the engine that runs now. */
  enginePid(): number;
  resize(width: number, height: number): Promise<void>;
  /** Does what makes the program ask for a folder of its machine, and picks this one. */
  pickFolder(folder: string, act: Act): Promise<void>;
  /** Drops the folder on the window; where a window cannot be told what is dropped, does what asks for it and picks it. */
  bringFolder(folder: string, act: Act): Promise<void>;
  /** Does what makes the program ask for a file of whoever looks at it, and opens this one. */
  openFile(file: string, act: Act): Promise<void>;
  /** The text that was copied last. */
  copied(): Promise<string>;
  close(): Promise<void>;
}

type Act = () => Promise<unknown>;

export interface OpenOptions {
  /** A library that is there already. */
  library?: string;
  width?: number;
  height?: number;
  theme?: 'dark' | 'light';
}
