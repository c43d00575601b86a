import type { RunSummary } from '../../engine/protocol';
import { engine } from './engine';
import type { Live } from './topics.svelte';

let known = $state.raw<readonly RunSummary[]>();
let isFollowed = false;

/** All runs of the library, newest first; undefined until they are known. Followed once for the whole window and kept. */
export function runList(): Live<readonly RunSummary[]> {
  if (!isFollowed) {
    isFollowed = true;
    engine.subscribe('runs', ({ whole, runs, gone }) => {
      const changed = new Set([...runs.map(({ run }) => run), ...gone]);
      const kept = whole ? [] : (known ?? []).filter(({ run }) => !changed.has(run));
      known = [...runs, ...kept].sort((a, b) => b.created - a.created);
    });
  }
  return list;
}

const list: Live<readonly RunSummary[]> = {
  get value() {
    return known;
  },
};
