/** Groups of pictures out of pairs. */

/** Union–find over pictures; of a separated set at most one is in a group. */
export class DisjointSets {
  private readonly parent: Int32Array;
  /** By root: the separations that have a picture in its set. */
  private readonly separated = new Map<number, Set<number>>();

  constructor(length: number, separations: readonly Uint32Array[]) {
    this.parent = Int32Array.from({ length }, (_, i) => i);
    separations.forEach((pictures, id) => {
      for (const picture of pictures) this.separated.set(picture, (this.separated.get(picture) ?? new Set()).add(id));
    });
  }

  private root(picture: number): number {
    let root = picture;
    while (this.parent[root] !== root) root = this.parent[root]!;
    for (let at = picture; at !== root;) {
      const next = this.parent[at]!;
      this.parent[at] = root;
      at = next;
    }
    return root;
  }

  join(a: number, b: number): void {
    const [one, other] = [this.root(a), this.root(b)];
    if (one === other) return;
    const [first, second] = [this.separated.get(one), this.separated.get(other)];
    if (first && second && [...first].some((id) => second.has(id))) return;
    const [low, high] = one < other ? [one, other] : [other, one];
    this.parent[high] = low;
    if (first || second) this.separated.set(low, new Set([...(first ?? []), ...(second ?? [])]));
  }

  /** Those of two pictures and more, members ascending. */
  groups(): Uint32Array[] {
    const members = new Map<number, number[]>();
    for (let picture = 0; picture < this.parent.length; picture++) {
      const root = this.root(picture);
      if (root === picture) continue;
      const known = members.get(root);
      if (known) known.push(picture);
      else members.set(root, [root, picture]);
    }
    return [...members.values()].map((each) => Uint32Array.from(each));
  }
}
