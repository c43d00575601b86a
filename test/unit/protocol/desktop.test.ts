/** What the desktop's main process and `ibot serve` say in common about the window. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { addToLayout, DEFAULT_DESKTOP_SETTINGS, desktopSettings, readDesktopSettings } from '../../../src/engine/protocol';
import { contentPolicy } from '../../../src/engine/protocol/window-files';

test('settings that were kept stand as far as they fit', () => {
  for (const nothing of [undefined, null, 'dark', [], {}]) expect(readDesktopSettings(nothing)).toEqual(DEFAULT_DESKTOP_SETTINGS);
  const read = readDesktopSettings({ theme: 'dark', textScale: 40, onClose: 'tray', another: 1 });
  expect(read).toEqual({ ...DEFAULT_DESKTOP_SETTINGS, theme: 'dark', onClose: 'tray' });
  expect(desktopSettings.parse(read)).toEqual(read);
});

test('of a layout the oldest entries are forgotten', () => {
  const known = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`x${i}`, i]));
  const layout = addToLayout(known, { x5: -5, more: true });
  expect(Object.keys(layout)).toHaveLength(1000);
  expect(layout).toMatchObject({ x5: -5, more: true, x999: 999 });
  expect(layout).not.toHaveProperty('x0');
});

test("the page's own policy is the one that it is served with", () => {
  const html = readFileSync('src/renderer/index.html', 'utf8');
  const own = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(html)![1];
  const served = contentPolicy(['ibot-picture:']).split('; ');
  expect(own!.split('; ')).toEqual(served.filter((part) => !part.startsWith('frame-ancestors')));
});
