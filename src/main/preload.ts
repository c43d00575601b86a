/**
 * The bridge between page and main process: hands over one port when the page asks for it, and the paths of files that the user
 * drops, which a page cannot learn by itself. Nothing else.
 */
import { ipcRenderer, webUtils } from 'electron';

window.addEventListener('message', (event) => {
  if (event.source === window && event.data === 'ibot-connect') ipcRenderer.send('ibot-connect');
});

ipcRenderer.on('ibot-port', (event) => window.postMessage('ibot-port', window.location.origin, event.ports));

window.addEventListener(
  'drop',
  (event) => {
    if (!event.isTrusted || !event.dataTransfer) return;
    const paths = [...event.dataTransfer.files].map(pathOf).filter((path) => path !== '');
    if (paths.length > 0) window.postMessage({ kind: 'ibot-dropped', paths }, window.location.origin);
  },
  true,
);

/** Older runtimes have the path on the file itself. */
function pathOf(file: File): string {
  if (typeof webUtils?.getPathForFile === 'function') return webUtils.getPathForFile(file);
  return (file as File & { path?: string }).path ?? '';
}
