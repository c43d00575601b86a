/** Readers of the values of flags; commander turns what they throw into one sentence. */
import { InvalidArgumentError } from 'commander';

/** A reader of whole numbers from `minimum` to `maximum`. */
export function wholeNumber(minimum: number, maximum = Number.MAX_SAFE_INTEGER): (word: string) => number {
  return (word) => {
    const value = Number(word);
    if (word.trim() === '' || !Number.isInteger(value) || value < minimum || value > maximum) {
      const range = maximum < Number.MAX_SAFE_INTEGER ? `from ${minimum} to ${maximum}` : `of at least ${minimum}`;
      throw new InvalidArgumentError(`It must be a whole number ${range}.`);
    }
    return value;
  };
}

/** Reads a number above 0; fractions are allowed. */
export function positiveNumber(word: string): number {
  const value = Number(word);
  if (Math.abs(value) === Infinity) throw new InvalidArgumentError('The number is too large to compute with.');
  if (word.trim() === '' || Number.isNaN(value) || value <= 0) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}
