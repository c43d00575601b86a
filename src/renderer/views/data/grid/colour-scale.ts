/** What stands for what when cells are coloured: a category by a colour of its own, a number by its place between the ends. */
import { viridisColour } from '../../../components/viridis';

export type ColourScale =
  | { kind: 'categories'; names: readonly string[]; /** There are more than colours. */ more: boolean }
  | { kind: 'numbers'; from: number; to: number };

/** Colours of data in the style sheet. */
export const mostCategories = 16;
/** Of all categories that have none of their own. */
export const otherColour = 'var(--field-line)';

/** @param names most frequent first */
export const categories = (names: readonly string[]): ColourScale => ({
  kind: 'categories',
  names: names.slice(0, mostCategories),
  more: names.length > mostCategories,
});

export const categoryColour = (place: number): string => (place < 0 || place >= mostCategories ? otherColour : `var(--d${place + 1})`);

/** Undefined: nothing to colour by. */
export function colourOf(scale: ColourScale, value: string | number | undefined): string | undefined {
  if (value === undefined || value === '' || Number.isNaN(value)) return undefined;
  if (scale.kind === 'categories') return categoryColour(scale.names.indexOf(String(value)));
  const { from, to } = scale;
  return viridisColour(to > from ? (Number(value) - from) / (to - from) : 0.5);
}
