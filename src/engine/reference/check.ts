/** The outcome of comparing one thing with the reference. */
import type { Gpu } from '../gpu';
import type { ReferenceCase, Tolerance } from './case';

export interface Check {
  check: string;
  /**
   * How far off the worst element is, in the unit of `limit`. Where a tolerance has an absolute and a relative part,
   * the unit is that tolerance itself, so that the limit is 1.
   */
  worst: number | null;
  /** null where nothing could be measured. */
  limit: number | null;
  passed: boolean;
  /** The engine cannot do this yet: says nothing about the device. */
  unsupported?: true;
}

export interface CaseContext {
  gpu: Gpu;
  reference: ReferenceCase;
}

/** One case: a file in this folder. It reads shapes, config and tolerances from the case alone. */
export interface CaseRunner {
  run(context: CaseContext): Promise<Check[]>;
}

/** Each element within its tolerance; NaN never passes. */
export function within(check: string, got: ArrayLike<number>, want: ArrayLike<number>, tolerance: Tolerance): Check {
  if (got.length !== want.length || want.length === 0) return { check, worst: null, limit: 1, passed: false };
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const allowed = tolerance.atol + tolerance.rtol * Math.abs(want[i]!);
    const off = Math.abs(got[i]! - want[i]!);
    const share = off === 0 ? 0 : off / allowed;
    if (!(share <= worst)) worst = Number.isNaN(share) ? Infinity : share;
  }
  return atMost(check, worst, 1);
}

/** A single figure that must not exceed its limit. */
export function atMost(check: string, worst: number, limit: number): Check {
  return { check, worst: Number.isFinite(worst) ? worst : null, limit, passed: worst <= limit };
}

/** Stands for everything that a part of a case would check, where the engine has no such part. */
export function notBuiltYet(part?: string): Check {
  return { check: part ? `${part}: not built yet` : 'not built yet', worst: null, limit: null, passed: false, unsupported: true };
}
