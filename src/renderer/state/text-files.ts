import { engine } from './engine';
import { isDesktop } from './transport';

/** A text file as it was picked or is to be saved. */
export interface TextFile {
  fileName: string;
  text: string;
}

const largestBytes = 1_000_000;

/** Puts text on the clipboard. */
export async function copyText(text: string): Promise<void> {
  if (isDesktop) await engine.call('desktop.copyText', { text });
  else await navigator.clipboard.writeText(text);
}

/** Lets the user say where; false: dismissed. A browser saves where it saves everything. */
export async function saveText({ fileName, text }: TextFile): Promise<boolean> {
  if (isDesktop) return (await engine.call('desktop.saveText', { fileName, text })) !== null;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return true;
}

/** Lets the user pick a text file of up to 1 MB; undefined: dismissed. @param endings without dots */
export async function openText(title: string, endings: string[]): Promise<TextFile | undefined> {
  if (isDesktop) return (await engine.call('desktop.openText', { title, endings })) ?? undefined;
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = endings.map((ending) => `.${ending}`).join(',');
  const file = await new Promise<File | undefined>((resolve) => {
    input.onchange = () => resolve(input.files?.[0]);
    input.oncancel = () => resolve(undefined);
    input.click();
  });
  if (!file) return undefined;
  if (file.size > largestBytes) throw new Error(`${file.name} is larger than 1 MB: it is no file of options.`);
  return { fileName: file.name, text: await file.text() };
}
