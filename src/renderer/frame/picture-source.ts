import Image from '@lucide/svelte/icons/image';
import { engine, go, href, topic, type Command } from '../state';

const most = 8;

/** Pictures of all datasets whose path contains what was typed, for the palette. */
export async function findPictures(text: string, signal: AbortSignal): Promise<Command[]> {
  const { pictures } = await engine.call('library.findPictures', { text, count: most }, { signal });
  const names = new Map(topic('datasets').value?.datasets.map(({ dataset, name }) => [dataset, name]));
  return pictures.map(({ dataset, picture, path }) => ({
    name: `open-${dataset}-${picture}`,
    title: path,
    kind: 'Pictures',
    hint: names.get(dataset) ?? '',
    icon: Image,
    run: () => go(`${href('data', dataset)}?picture=${picture}`),
  }));
}
