/** Names and values of compared runs, short. */

/** Names without the words that all begin with: "field-guide-s16-03" and "field-guide-s16-02" are "03" and "02". */
export function shortNames(names: readonly string[]): string[] {
  const [first] = names;
  if (first === undefined || names.length < 2) return [...names];
  let same = 0;
  while (names.every((name) => same < name.length && name[same] === first[same])) same++;
  // Words stay whole, and the last one is always there.
  const cut = Math.max(...['-', '_', ' ', '.'].map((mark) => first.lastIndexOf(mark, same - 1))) + 1;
  return same === 0 || names.some((name) => name.length <= cut) ? [...names] : names.map((name) => name.slice(cut));
}

/** Which values are others than most have; where none is in the majority, all are. */
export function odd(values: readonly unknown[]): boolean[] {
  const texts = values.map((value) => JSON.stringify(value));
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  if (counts.size < 2) return texts.map(() => false);
  return texts.map((text) => counts.get(text)! * 2 <= texts.length);
}

/** Runs of an address, which may say one twice. */
export const runsOf = (address: string | undefined): string[] => [...new Set((address ?? '').split('|').filter(Boolean))];
