/** Options' values as people read and write them. */
import type { Option, OptionValue } from '../../engine/protocol';

const isShare = (option: Option): boolean => option.unit === 'share';
/** Enough to tell values apart, without the tails of binary fractions. */
const DIGITS = 6;

function numberText(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential().replace('e-', 'e-');
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return String(Number(value.toPrecision(Math.abs(value) < 10 ? 4 : DIGITS)));
}

/** "224", "14 – 100" (of a share, in percent), "0, 30", "on". */
export function valueText(option: Option, value: OptionValue | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'string') return value;
  const factor = isShare(option) ? 100 : 1;
  const shown = [value].flat().map((each) => numberText(Number((each * factor).toPrecision(12))));
  return shown.join(option.count === 2 ? ' – ' : ', ');
}

/** As `valueText`, with its unit: "224 px", "30%". */
export function valueWords(option: Option, value: OptionValue | null | undefined): string {
  const text = valueText(option, value);
  if (text === '' || option.unit === null || typeof value === 'boolean' || typeof value === 'string') return text;
  return isShare(option) ? `${text}%` : `${text} ${option.unit}`;
}

export const unitOf = (option: Option): string | undefined => (isShare(option) ? '%' : (option.unit ?? undefined));

export type Parsed = { value: OptionValue } | { error: string };

/** What somebody typed into an option's field. Bounds are the engine's to judge. */
export function parseValue(option: Option, typed: string): Parsed {
  const text = typed.trim();
  if (option.type === 'text') return { value: text };
  const factor = isShare(option) ? 100 : 1;
  const parts = option.type === 'numbers' ? text.split(/\s*[,;–]\s*|\s+|(?<=[\d.])-(?=[\d.])/u) : [text.replace(/(?<=\d),(?=\d{3}(\D|$))/g, '')];
  const numbers = parts.filter((part) => part !== '').map((part) => Number(part.replace(/%$/, '')));
  if (numbers.length === 0 || numbers.some((each) => !Number.isFinite(each))) {
    return { error: option.type === 'numbers' ? 'Numbers are expected, such as 10, 30.' : 'A number is expected.' };
  }
  const values = numbers.map((each) => (factor === 1 ? each : Number((each / factor).toPrecision(12))));
  return { value: option.type === 'numbers' ? values : values[0]! };
}

/** Hours: "10", "10 h", "30 min", "2 d"; undefined: not understood. */
export function parseHours(typed: string): number | undefined {
  const found = /^\s*(\d+(?:[.,]\d+)?)\s*(min|minutes?|m|h|hours?|d|days?)?\s*$/i.exec(typed);
  if (!found) return undefined;
  const amount = Number(found[1]!.replace(',', '.'));
  const unit = (found[2] ?? 'h').toLowerCase();
  const hours = unit.startsWith('m') ? amount / 60 : unit.startsWith('d') ? 24 * amount : amount;
  return hours > 0 && hours <= 100_000 ? hours : undefined;
}

/** "30 min", "10 h", "1.5 h", "3 d". */
export function hoursText(hours: number): string {
  if (hours < 1) return `${Number((60 * hours).toPrecision(2))} min`;
  if (hours < 48) return `${Number(hours.toPrecision(3))} h`;
  return `${Number((hours / 24).toPrecision(2))} d`;
}

/** Stops of the slider of times, in hours. */
export const HOURS = [
  1 / 12, 1 / 6, 1 / 4, 1 / 2, 3 / 4, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 24, 30, 36, 48, 72, 96, 120, 168, 240, 336,
] as const;

/** The nearest stop, by ratio. */
export function stopOf(hours: number): number {
  let nearest = 0;
  for (const [place, each] of HOURS.entries()) {
    if (Math.abs(Math.log(each / hours)) < Math.abs(Math.log(HOURS[nearest]! / hours))) nearest = place;
  }
  return nearest;
}

/** The engine's sentences name options as the command line does; a form has titles. */
export function inTitles(sentence: string, options: readonly Option[]): string {
  return sentence.replace(/`?\b([a-z]+(?:_[a-z0-9]+)*)\b`?/g, (word, name: string) => {
    if (!name.includes('_') && !word.startsWith('`')) return word;
    const title = options.find((option) => option.name === name)?.title;
    return title === undefined ? word : `“${title}”`;
  });
}

export const sameValue = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
