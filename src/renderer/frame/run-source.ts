import Activity from '@lucide/svelte/icons/activity';
import { go, href, runList, type Command } from '../state';
import { stateWords } from '../state/run-words';

const most = 8;

/** Runs whose name, dataset or tags have all the words that were typed, for the palette. */
export function findRuns(text: string): Command[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (runList().value ?? [])
    .filter(({ run, datasetName, tags }) => {
      const searched = [run, datasetName, ...tags].join(' ').toLowerCase();
      return words.every((word) => searched.includes(word));
    })
    .slice(0, most)
    .map(({ run, datasetName, state }) => ({
      name: `open-${run}`,
      title: run,
      kind: 'Runs',
      hint: `${datasetName}, ${stateWords[state].toLowerCase()}`,
      icon: Activity,
      run: () => go(href('run', run)),
    }));
}
