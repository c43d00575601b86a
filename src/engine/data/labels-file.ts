/** Classes and sides of a list of pictures as a file of labels: read with the same folder, it gives the same list. */
import { writeFileAtomic } from '../formats';
import { ALL_OTHERS } from './labels';
import type { Manifest } from './manifest';

/** Writes it: complete or not at all. What is in the folder besides is left out. */
export async function writeLabelsFile(file: string, { classes, pictures }: Manifest): Promise<void> {
  const rows = pictures.map(({ path, label, split }) => `${quoted(path)},${label < 0 ? '' : quoted(classes[label]!)},${split}`);
  await writeFileAtomic(file, ['path,label,split', ...rows, `${ALL_OTHERS},,left-out`, ''].join('\n'));
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
