import { BrowserWindow, ipcMain, MessageChannelMain } from 'electron';
import type { Relay } from '../engine/supervise';
import { appUrl } from './content-policy';
import type { Log } from './log';

/** Gives a port to the page of each window that asks for one by its preload script, and a new one after a reload. */
export function giveWindowsPorts(relay: Relay<BrowserWindow>, log: Log): void {
  const ends = new Map<BrowserWindow, () => void>();
  ipcMain.on('ibot-connect', (event) => {
    const window = BrowserWindow.fromWebContents(event.sender);
    const frame = event.senderFrame;
    if (window && frame?.parent === null && frame.url.split('#')[0] === appUrl) connect(window);
    // A page may ask before its address is known here; it asks again.
    else log.write('window', `no port for ${frame?.url || 'a page without an address'}`);
  });

  function connect(window: BrowserWindow): void {
    // A window has one port: a page that was reloaded left its own behind.
    ends.get(window)?.();
    const { port1, port2 } = new MessageChannelMain();
    const disconnect = relay.connect(
      {
        send: (message) => port1.postMessage(message),
        onMessage: (handler) => port1.on('message', ({ data }) => handler(data)),
        onClose: (handler) => port1.on('close', handler),
      },
      window,
    );
    const end = () => {
      if (ends.get(window) === end) ends.delete(window);
      window.off('closed', end);
      disconnect();
      port1.close();
    };
    ends.set(window, end);
    window.once('closed', end);
    port1.start();
    window.webContents.postMessage('ibot-port', null, [port2]);
  }
}
