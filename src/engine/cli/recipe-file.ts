/** `--config`: options in a file, and how a resolved set is shown. */
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors';
import { fileError } from '../formats';
import { findOption, options, type Recipe } from '../ibot';
import { checkMagnitude } from './recipe-flags';

/** @throws UserError when it is not a JSON object of known options. */
export async function readRecipeFile(file: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    // Editors on Windows begin a file with a mark.
    text = (await readFile(file, 'utf8')).replace(/^\uFEFF/, '');
  } catch (error) {
    throw fileError(error, file);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${file} is not JSON (${(error as Error).message}).`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UserError(`${file} must hold a JSON object of options, such as {"epochs": 100}.`);
  }
  for (const [name, given] of Object.entries(value)) {
    try {
      checkMagnitude(name, findOption(name).option, given);
    } catch (error) {
      if (error instanceof UserError) throw new UserError(`${file}: ${error.message}`);
      throw error;
    }
  }
  return value as Record<string, unknown>;
}

/** Every option as resolved, a line per group, wrapped to `columns`. */
export function describeRecipe(recipe: Recipe, columns = 100): string[] {
  const groups = new Map<string, string[]>();
  for (const [name, value] of Object.entries(recipe)) {
    const group = options[name]!.group;
    const shown = Array.isArray(value) ? `[${value.map((each) => Number(each.toFixed(4))).join(' ')}]` : String(value);
    if (shown !== '') groups.set(group, [...(groups.get(group) ?? []), `${name} ${shown}`]);
  }
  const lines: string[] = [];
  for (const [group, entries] of groups) {
    let line = `  ${`${group}:`.padEnd(12)}`;
    for (const [i, entry] of entries.entries()) {
      const text = entry + (i + 1 < entries.length ? ', ' : '');
      if (line.length + text.trimEnd().length > columns && line.trim() !== `${group}:`) {
        lines.push(line.trimEnd());
        line = ' '.repeat(14);
      }
      line += text;
    }
    lines.push(line.trimEnd());
  }
  return lines;
}
