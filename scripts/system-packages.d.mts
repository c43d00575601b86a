export function needVirtualDisplay(): Promise<void>;

/** A browser for tests of what is served, installed where there is none: the path of its program. */
export function needBrowser(): Promise<string>;
