/** An adapter as Dawn lists it. */
export interface ListedAdapter {
  backend: string;
  name: string;
}

/** A name no adapter has: asked for it, Dawn answers with an error that lists the adapters there are. */
export const noSuchAdapter = 'adapter=?none';

/** Reads Dawn's list of adapters out of that error. */
export function parseListedAdapters(message: string): ListedAdapter[] {
  const lines = message.matchAll(/^ \* backend: '([^']*)', name: '(.*)'$/gm);
  return [...lines].map((match) => ({ backend: match[1]!, name: match[2]! }));
}

/** Whether a device of this name (or description) computes on the processor: lavapipe, SwiftShader, Windows' WARP. */
export function isSoftwareName(text: string): boolean {
  return /llvmpipe|lavapipe|swiftshader|basic render|\bwarp\b/i.test(text);
}
