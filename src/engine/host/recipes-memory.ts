/**
 * What a recipe takes of the device's memory, by part, before any is taken. One layout takes about a tenth of a second, during
 * which the engine does nothing else: so all are kept, and others get their turn between two of them.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Gpu } from '../gpu';
import { BindingTooLargeError, type PlanLayout } from '../graph';
import { Network, networkConfigOf, resolveRecipe, TrainerLayout, trainerOptionsOf, type Recipe } from '../ibot';
import type { Budget } from '../protocol';

type Parts = Budget['memory']['parts'];

export interface MemoryNeed {
  bytes: number;
  /** Sum to `bytes`. */
  parts: Parts;
}

/** Ops of the head's last layer and the loss, which work in chunks. */
const LOSS_OPS = /^(distillation|weight-?norm|normalise-?rows|gather-?rows|scatter-?rows|centre|column-?mean|koleo|sinkhorn)/i;

const WEIGHTS = 'Weights, teacher, optimiser';

/** Layouts that are kept per device. */
const KEPT = 200;

export class RecipeMemory {
  private readonly known = new WeakMap<Gpu, Map<string, MemoryNeed | undefined>>();

  /** Undefined where a tensor exceeds what one binding of the device holds. */
  need(gpu: Gpu, recipe: Recipe): MemoryNeed | undefined {
    const known = this.known.get(gpu) ?? new Map<string, MemoryNeed | undefined>();
    this.known.set(gpu, known);
    const { shape, accumulate } = trainerOptionsOf(recipe);
    const key = JSON.stringify([networkConfigOf(recipe), shape, accumulate]);
    const found = known.has(key) ? known.get(key) : measure(gpu, recipe);
    // Those that were asked for last stay.
    known.delete(key);
    known.set(key, found);
    if (known.size > KEPT) known.delete(known.keys().next().value!);
    return found;
  }

  /** The need where it fits into `bytes`. */
  fits(gpu: Gpu, recipe: Recipe, bytes: number): MemoryNeed | undefined {
    const need = this.need(gpu, recipe);
    return need && need.bytes <= bytes ? need : undefined;
  }

  /**
   * The recipe with the smallest `accumulate`, a divisor of the batch and not below the one it has, that fits: what `fitMemory`
   * finds, with few layouts, since memory falls with the part of a batch about in a straight line.
   * @returns undefined when even single pictures do not fit
   * @throws the signal's reason
   */
  async fit(gpu: Gpu, recipe: Recipe, bytes: number, signal?: AbortSignal): Promise<Recipe | undefined> {
    if (this.fits(gpu, recipe, bytes)) return recipe;
    const { batch_size: batch } = recipe;
    const parts: number[] = [];
    for (let n = recipe.accumulate + 1; n <= batch; n++) if (batch % n === 0) parts.push(n);
    const split = (i: number): Recipe => resolveRecipe({ ...recipe, accumulate: parts[i]! });
    // The first that works lies above `low` and at or below `high`; past the end: none does.
    let [low, high] = [-1, parts.length];
    let guess = this.guess(gpu, recipe, parts, bytes);
    while (high - low > 1) {
      guess = Math.min(high - 1, Math.max(low + 1, guess));
      await nextTurn();
      signal?.throwIfAborted();
      if (this.fits(gpu, split(guess), bytes)) high = guess--;
      else low = guess++;
    }
    return high < parts.length ? split(high) : undefined;
  }

  /** Everything but the weights is about as large as the part of a batch. */
  private guess(gpu: Gpu, recipe: Recipe, parts: readonly number[], bytes: number): number {
    const whole = this.need(gpu, recipe);
    if (!whole) return Math.floor(parts.length / 2);
    const weights = whole.parts.find(({ label }) => label === WEIGHTS)!.bytes;
    const at = parts.findIndex((n) => weights + ((whole.bytes - weights) * recipe.accumulate) / n <= bytes);
    return at < 0 ? parts.length - 1 : at;
  }
}

function measure(gpu: Gpu, recipe: Recipe): MemoryNeed | undefined {
  let layout: TrainerLayout;
  try {
    layout = new TrainerLayout(gpu, new Network(networkConfigOf(recipe)), trainerOptionsOf(recipe), new Map());
  } catch (error) {
    if (error instanceof BindingTooLargeError) return undefined;
    throw error;
  }
  const { arenaBytes, stateBytes } = layout.memory;
  const weights = Math.min(stateBytes, layout.network.allocations.reduce((sum, { bytes }) => sum + bytes, 0));
  const loss = Math.min(arenaBytes, lossBytesAtPeak(layout.forwardLayout));
  const { batch_size: batch, accumulate } = recipe;
  const pictures = (batch / accumulate).toLocaleString('en');
  const at = accumulate > 1 ? `${pictures} pictures at a time` : `batch of ${pictures}`;
  return {
    bytes: arenaBytes + stateBytes,
    parts: [
      { label: `Activations, ${at}`, bytes: arenaBytes - loss },
      { label: 'Head and loss, in chunks', bytes: loss },
      { label: WEIGHTS, bytes: weights },
      { label: 'Pictures and masks', bytes: stateBytes - weights },
    ],
  };
}

/** Of what is alive when most is: the part that belongs to last layer and loss. */
function lossBytesAtPeak({ steps }: PlanLayout): number {
  const lives = new Map<object, { bytes: number; first: number; last: number; loss: boolean }>();
  steps.forEach(({ dispatch, node }, step) => {
    for (const tensor of dispatch.tensors) {
      const owner = tensor.base ?? tensor;
      if (owner.allocation) continue;
      const life = lives.get(owner);
      if (life) life.last = step;
      else lives.set(owner, { bytes: owner.bytes, first: step, last: step, loss: LOSS_OPS.test(node.op.name) });
    }
  });
  const total = new Float64Array(steps.length + 1);
  const loss = new Float64Array(steps.length + 1);
  for (const life of lives.values()) {
    for (const [sums, counts] of [[total, true], [loss, life.loss]] as const) {
      if (!counts) continue;
      sums[life.first]! += life.bytes;
      sums[life.last + 1]! -= life.bytes;
    }
  }
  let [live, lossLive, peak, lossAtPeak] = [0, 0, 0, 0];
  for (let step = 0; step < steps.length; step++) {
    live += total[step]!;
    lossLive += loss[step]!;
    if (live > peak) [peak, lossAtPeak] = [live, lossLive];
  }
  return lossAtPeak;
}
