import { engine } from './engine';

/** A text file as it was picked or is to be saved. */
export interface TextFile {
  fileName: string;
  text: string;
}

/** Puts text on the clipboard. */
export async function copyText(text: string): Promise<void> {
  await engine.call('desktop.copyText', { text });
}

/** Lets the user say where; false: dismissed. A browser saves where it saves everything. */
export async function saveText(file: TextFile): Promise<boolean> {
  return (await engine.call('desktop.saveText', file)) !== null;
}

/** Lets the user pick a text file of up to 1 MB; undefined: dismissed. @param endings without dots */
export async function openText(title: string, endings: string[]): Promise<TextFile | undefined> {
  return (await engine.call('desktop.openText', { title, endings })) ?? undefined;
}
