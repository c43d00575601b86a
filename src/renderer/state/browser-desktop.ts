/** What a page does by itself of `desktop.*`, where there is no desktop around it: dialogs, files of the browser's machine, pages. */
import { PAGES, type Params, type Result } from '../../engine/protocol';
import { picker } from './picker.svelte';

type Own = 'desktop.pickFolder' | 'desktop.pickFile' | 'desktop.openText' | 'desktop.saveText' | 'desktop.copyText' | 'desktop.openPage';

const answers: { [M in Own]: (params: Params<M>) => Promise<Result<M>> } = {
  'desktop.pickFolder': async ({ title, start }) => ({
    path: await picker.ask({ kind: 'folder', title, endings: [], ...(start === undefined ? {} : { start }) }),
  }),
  'desktop.pickFile': async ({ title, endings }) => ({ path: await picker.ask({ kind: 'file', title, endings }) }),
  'desktop.openText': ({ endings }) => openText(endings),
  'desktop.saveText': ({ fileName, text }) => {
    const address = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
    const link = Object.assign(document.createElement('a'), { href: address, download: fileName });
    link.click();
    // The download begins after this turn.
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    return Promise.resolve({ path: fileName });
  },
  'desktop.copyText': async ({ text }) => {
    await copy(text);
    return null;
  },
  'desktop.openPage': ({ page }) => {
    window.open(PAGES[page], '_blank', 'noopener');
    return Promise.resolve(null);
  },
};

/** Undefined: the method is for the server. */
export function browserAnswers(method: string, params: unknown): Promise<unknown> | undefined {
  if (!Object.hasOwn(answers, method)) return undefined;
  return (answers[method as Own] as (params: unknown) => Promise<unknown>)(params);
}

const largestText = 1_000_000;

function openText(endings: readonly string[]): Promise<Result<'desktop.openText'>> {
  const input = Object.assign(document.createElement('input'), { type: 'file', accept: endings.map((each) => `.${each}`).join(',') });
  return new Promise((resolve, reject) => {
    input.addEventListener('cancel', () => resolve(null));
    input.addEventListener('change', () => {
      const file = input.files?.[0];
      if (!file) return resolve(null);
      if (file.size > largestText) return reject(new Error(`${file.name} is larger than 1 MB, so it is not read.`));
      file.text().then((text) => {
        if (text.includes('\0')) reject(new Error(`${file.name} is not a text file.`));
        else resolve({ fileName: file.name, text });
      }, reject);
    });
    input.click();
  });
}

async function copy(text: string): Promise<void> {
  // Only pages of this machine and of https have the clipboard.
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement('textarea'), { value: text });
  document.body.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  if (!copied) throw new Error('The browser does not let this page copy: mark the text and copy it by hand.');
}
