/** Closing what was opened, whatever fails on the way. */

export interface Closable {
  close(): Promise<void> | void;
}

/**
 * Does the work, then closes everything in `open`, the last first, none left out. Of several errors the first is
 * thrown, which the work's own comes before.
 * @param open may be added to while the work goes on
 */
export async function closingAll<Result>(open: readonly Closable[], work: () => Promise<Result>): Promise<Result> {
  const outcome = await work().then(
    (value) => ({ value, errors: [] as unknown[] }),
    (error: unknown) => ({ value: undefined, errors: [error] }),
  );
  for (const part of [...open].reverse()) {
    try {
      await part.close();
    } catch (error) {
      outcome.errors.push(error);
    }
  }
  if (outcome.errors.length > 0) throw outcome.errors[0];
  return outcome.value as Result;
}
