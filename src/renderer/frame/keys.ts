const isMac = navigator.platform.startsWith('Mac');

/** The key that commands are run with, as it is written on it. */
export const modifier = isMac ? '⌘' : 'Ctrl';

/** Keys as tinykeys has them, as they are shown: `$mod+Shift+KeyC` → `Ctrl Shift C`. */
export const shownKeys = (keys: string): string =>
  keys
    .split(/\b\+/)
    .map((key) => (key === '$mod' ? modifier : key.replace(/^(Key|Digit)/, '').replace('Comma', ',').replace('Escape', 'Esc')))
    .join(' ');
