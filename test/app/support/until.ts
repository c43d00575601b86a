/** Software devices take their time, and share their cores with the window. */
export const slowMs = 90_000;

const lookEveryMs = 100;

/** Looks often until there is something; `what` says in a few words what is waited for. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, limitMs = slowMs): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`In ${limitMs / 1000} s there was no ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}
