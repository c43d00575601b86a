/** A view: the pattern of its address, with `:name` for a part that varies, and where its code is. */
export interface ViewEntry {
  pattern: string;
  /** The entry of the rail that it belongs to. */
  place: 'home' | 'data' | 'runs';
  /** A component that takes `params`, or nothing. */
  load(): Promise<{ default: unknown }>;
}

/** One line per view; the first pattern that fits is taken. */
export const views: readonly ViewEntry[] = [
  { pattern: 'home', place: 'home', load: () => import('../views/home/Home.svelte') },
  { pattern: 'data', place: 'data', load: () => import('../views/data/Data.svelte') },
  { pattern: 'data/:dataset', place: 'data', load: () => import('../views/data/Data.svelte') },
  { pattern: 'data/:dataset/:tab', place: 'data', load: () => import('../views/data/Data.svelte') },
  { pattern: 'runs', place: 'runs', load: () => import('../views/runs/Runs.svelte') },
  { pattern: 'runs/new', place: 'runs', load: () => import('../views/new-run/NewRun.svelte') },
  { pattern: 'runs/compare', place: 'runs', load: () => import('../views/compare/Compare.svelte') },
  { pattern: 'runs/compare/:runs', place: 'runs', load: () => import('../views/compare/Compare.svelte') },
  { pattern: 'run/:run', place: 'runs', load: () => import('../views/monitor/Monitor.svelte') },
];

export interface Route {
  view: ViewEntry;
  params: Record<string, string>;
  /** What follows a `?`. */
  query: URLSearchParams;
  address: string;
}

function parse(hash: string): Route {
  const address = hash.replace(/^#\/?/, '');
  const [path = '', search = ''] = address.split('?');
  const parts = path.split('/').filter((part) => part !== '');
  for (const view of views) {
    const params = match(view.pattern.split('/'), parts);
    if (params) return { view, params, query: new URLSearchParams(search), address };
  }
  return { view: views[0]!, params: {}, query: new URLSearchParams(), address: 'home' };
}

function match(pattern: string[], parts: string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [place, name] of pattern.entries()) {
    const part = parts[place]!;
    if (name.startsWith(':')) params[name.slice(1)] = decode(part);
    else if (name !== part) return undefined;
  }
  return params;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

class Router {
  #route = $state.raw<Route>(parse(location.hash));

  constructor() {
    window.addEventListener('hashchange', () => (this.#route = parse(location.hash)));
  }

  get route(): Route {
    return this.#route;
  }
}

export const router = new Router();

/** The address of a view, for links: `href('run', name)`. Parts are escaped. */
export const href = (...parts: string[]): string => `#/${parts.map(encodeURIComponent).join('/')}`;

/** Goes to a view; `replace` leaves no step back. */
export function go(address: string, { replace = false } = {}): void {
  if (replace) location.replace(address);
  else location.hash = address;
}
