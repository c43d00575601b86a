/** Colours of the style sheet for a canvas, which knows no variables; they change with the theme. */
const known = new Map<string, string>();
let version = $state(0);
let watched = false;

/** Counts themes: what draws reads it, so that it draws anew. */
export function themeVersion(): number {
  if (!watched) {
    watched = true;
    new MutationObserver(() => {
      known.clear();
      version++;
    }).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  }
  return version;
}

/** "var(--d1)" as a colour. */
export function resolved(colour: string): string {
  const name = /^var\((--[\w-]+)\)$/.exec(colour)?.[1];
  if (name === undefined) return colour;
  const found = known.get(name) ?? getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  known.set(name, found);
  return found;
}

/** The same colour, fainter; of a colour in #rrggbb. */
export function faint(colour: string, share: number): string {
  const [, hex] = /^#([0-9a-f]{6})$/i.exec(resolved(colour)) ?? [];
  const alpha = Math.round(255 * share).toString(16).padStart(2, '0');
  return hex === undefined ? resolved(colour) : `#${hex}${alpha}`;
}
