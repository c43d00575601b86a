import { datasetsArea } from './datasets';
import type { AreaMaker } from './host-context';
import { recipesArea } from './recipes';

/**
 * All areas, in the order in which they are made: each may rely on the context's parts of those before it.
 * A file of an area exports one `AreaMaker`.
 */
export const areas: readonly AreaMaker[] = [datasetsArea, recipesArea];
