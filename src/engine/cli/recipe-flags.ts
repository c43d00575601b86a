/**
 * The flags of `train` that come from the recipe's schema: names, help and groups are the schema's, so a new option needs
 * nothing here.
 */
import { Option, type Command } from 'commander';
import { UserError } from '../errors';
import { optionGroups, options, parseOptionWords, type OptionDescriptor } from '../ibot';

const placeholders: Record<OptionDescriptor['type'], string> = {
  number: '<number>',
  integer: '<count>',
  numbers: '<numbers...>',
  boolean: '[boolean]',
  choice: '<name>',
  text: '<text>',
};

/** Adds a flag for every option, honoured, alias or refused. Values stay words until `givenOptions` reads them. */
export function addRecipeFlags(command: Command): void {
  for (const [name, option] of Object.entries(options)) {
    const flag = new Option(`--${name} ${placeholders[option.type]}`, helpOf(option)).helpGroup(`${optionGroups[option.group]}:`);
    command.addOption(flag);
  }
}

function helpOf(option: OptionDescriptor): string {
  const { help, status, reason, choices, default: value } = option;
  if (status === 'alias') return help;
  if (status === 'refused') return `${help} Refused: ${reason}.`;
  const among = choices ? ` One of ${choices.join(', ')}.` : '';
  if (value === null) return `${help}${among}`;
  const shown = Array.isArray(value) ? value.map((each) => String(Number((each as number).toFixed(4)))).join(' ') : String(value);
  return shown === '' ? `${help}${among}` : `${help}${among} (default: ${shown})`;
}

const isNumber = (word: string | undefined): boolean => word !== undefined && word.trim() !== '' && !Number.isNaN(Number(word));
const isTruth = (word: string | undefined): boolean =>
  word !== undefined && ['true', 'false', '1', '0', 'on', 'off'].includes(word.toLowerCase());

/**
 * Rewrites a command line so that recipe options may be written with - or _, lists end where the numbers end (so that
 * `--pred_ratio 0 0.3 photos` leaves `photos` alone), and a boolean without a value means true, as elsewhere.
 */
export function plainWords(words: readonly string[]): string[] {
  const plain: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === '--') return [...plain, ...words.slice(at)];
    const match = /^--([^=]+)(=.*)?$/s.exec(word);
    const name = match?.[1]!.replaceAll('-', '_') ?? '';
    if (!match || !Object.hasOwn(options, name)) {
      plain.push(word);
      continue;
    }
    const flag = `--${name}`;
    const { type } = options[name]!;
    if (match[2] !== undefined) plain.push(`${flag}${match[2]}`);
    else if (type === 'numbers' && isNumber(words[at + 1])) {
      const numbers: string[] = [];
      while (isNumber(words[at + 1])) numbers.push(words[++at]!);
      plain.push(`${flag}=${numbers.join(',')}`);
    } else if (type === 'boolean') plain.push(isTruth(words[at + 1]) ? `${flag}=${words[++at]}` : flag);
    // The value goes with its flag, also where it begins with a minus.
    else if (words[at + 1] !== undefined) plain.push(`${flag}=${words[++at]}`);
    else plain.push(flag);
  }
  return plain;
}

/** Refuses a number such as 1e999, which no computer counts with, by the name it was given under. */
export function checkMagnitude(called: string, { type }: OptionDescriptor, value: unknown): void {
  if (type !== 'number' && type !== 'integer' && type !== 'numbers') return;
  if ([value].flat().every((each) => Math.abs(Number(each)) !== Infinity)) return;
  throw new UserError(`${called} is a number too large to compute with.`);
}

/** The recipe options among parsed flags, by name, in their types. */
export function givenOptions(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const value = flags[name];
    if (value === undefined) continue;
    if (value === true) given[name] = true;
    else if (Array.isArray(value)) given[name] = parseOptionWords(name, value.map(String));
    else if (typeof value === 'string') given[name] = parseOptionWords(name, [value]);
    else throw new UserError(`--${name} needs ${option.type === 'text' ? 'a text' : 'a value'}.`);
    checkMagnitude(`--${name}`, option, given[name]);
  }
  return given;
}
