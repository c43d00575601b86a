/** Offline placement of tensors with known lifetimes: largest first, lowest offset that is free for the whole life. */

export interface Lifetime {
  bytes: number;
  /** First and last step (inclusive) in which the memory is in use. */
  first: number;
  last: number;
}

export interface Placement {
  /** Which arena buffer, and where in it. */
  arena: number;
  offset: number;
}

const align = (n: number, to: number): number => Math.ceil(n / to) * to;

/**
 * @param limit no arena may grow beyond this many bytes; what does not fit goes to a further one
 * @returns a placement per lifetime, the size of each arena, and the peak of live bytes (a lower bound of their sum)
 */
export function placeLifetimes(
  lives: readonly Lifetime[],
  alignment: number,
  limit: number,
): { placements: Placement[]; arenas: number[]; peak: number } {
  const order = lives.map((_, i) => i).sort((a, b) => lives[b]!.bytes - lives[a]!.bytes || lives[a]!.first - lives[b]!.first);
  const placements: Placement[] = new Array<Placement>(lives.length);
  const arenas: number[] = [];
  /** By arena, in the order of their offsets. */
  const placed: (Pick<Lifetime, 'first' | 'last'> & { offset: number; end: number })[][] = [];
  for (const index of order) {
    const life = lives[index]!;
    const bytes = align(Math.max(life.bytes, 1), alignment);
    let chosen: Placement | undefined;
    for (let arena = 0; !chosen; arena++) {
      let offset = 0;
      for (const q of placed[arena] ?? []) {
        if (q.first > life.last || q.last < life.first) continue;
        if (q.offset - offset >= bytes) break;
        offset = Math.max(offset, q.end);
      }
      if (offset + bytes <= limit || (arena >= arenas.length && offset === 0)) chosen = { arena, offset };
    }
    placements[index] = chosen;
    const { arena, offset } = chosen;
    const beside = (placed[arena] ??= []);
    const after = beside.findIndex((q) => q.offset > offset);
    beside.splice(after < 0 ? beside.length : after, 0, { first: life.first, last: life.last, offset, end: offset + bytes });
    arenas[arena] = Math.max(arenas[arena] ?? 0, offset + bytes);
  }
  const changes = new Map<number, number>();
  for (const life of lives) {
    const bytes = align(Math.max(life.bytes, 1), alignment);
    changes.set(life.first, (changes.get(life.first) ?? 0) + bytes);
    changes.set(life.last + 1, (changes.get(life.last + 1) ?? 0) - bytes);
  }
  let live = 0;
  let peak = 0;
  for (const step of [...changes.keys()].sort((a, b) => a - b)) {
    live += changes.get(step)!;
    peak = Math.max(peak, live);
  }
  return { placements, arenas, peak };
}
