// tinykeys has types that its package does not export.
declare module 'tinykeys' {
  /** Calls handlers for keys such as `$mod+KeyK` until the function that comes back is called. */
  export function tinykeys(target: Window | HTMLElement, bindings: Record<string, (event: KeyboardEvent) => void>): () => void;
}
