/** Which colour a run has, as long as it is compared: taking another one away changes nothing. */
const slots = new Map<string, number>();
const most = 16;

/** @param runs all that are compared */
export function coloursOf(runs: readonly string[]): string[] {
  for (const run of slots.keys()) if (!runs.includes(run)) slots.delete(run);
  return runs.map((run) => {
    let slot = slots.get(run);
    if (slot === undefined) {
      const taken = new Set(slots.values());
      slot = 0;
      while (taken.has(slot)) slot++;
      slots.set(run, slot);
    }
    return `var(--d${(slot % most) + 1})`;
  });
}
