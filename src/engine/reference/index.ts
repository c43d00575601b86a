/**
 * Cases computed with the original implementation, and what the engine makes of them on this device. One file per case;
 * each works from the case's files alone, so that other sets with other shapes can be run. case.ts reads a case, check.ts
 * says what a check is.
 */
import { basename, resolve } from 'node:path';
import { UserError } from '../errors';
import type { Gpu } from '../gpu';
import { augmentations } from './augmentations';
import { findCases, ReferenceCase } from './case';
import { notBuiltYet, type CaseRunner, type Check } from './check';
import { gradients } from './gradients';
import { head } from './head';
import { knn } from './knn';
import { loss } from './loss';
import { masks } from './masks';
import { optimizers } from './optimizers';
import { schedules } from './schedules';
import { trainSteps } from './train-steps';
import { vitForward } from './vit-forward';
import { vitMimForward } from './vit-mim-forward';

export { findCases } from './case';
export type { Check } from './check';

/** By the `case` of case.json. A case without a runner is reported as not built yet. */
const runners: ReadonlyMap<string, CaseRunner> = new Map([
  ['augmentations', augmentations],
  ['gradients', gradients],
  ['head', head],
  ['knn', knn],
  ['loss', loss],
  ['masks', masks],
  ['optimizers', optimizers],
  ['schedules', schedules],
  ['train-steps', trainSteps],
  ['vit-forward', vitForward],
  ['vit-mim-forward', vitMimForward],
]);

/** A check of one case; `case` is the name of its folder. */
export type CaseCheck = { case: string } & Check;

export interface ReferenceReport {
  /** Every check that the engine can do passed, and there was at least one. */
  passed: boolean;
  cases: CaseCheck[];
}

/** All checks of one case. Never throws: what goes wrong is a failed check with the reason as its name. */
export async function runCase(gpu: Gpu, folder: string): Promise<Check[]> {
  try {
    const reference = await ReferenceCase.open(folder);
    const runner = runners.get(reference.name);
    if (!runner) return [notBuiltYet()];
    const checks = await runner.run({ gpu, reference });
    // The device may have been lost, or have refused work, after the last value was read.
    gpu.check();
    if (checks.length === 0) throw new UserError(`${reference.name} holds nothing to check: it is incomplete.`);
    return checks;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [{ check: reason, worst: null, limit: null, passed: false }];
  }
}

/**
 * Runs every case found in a folder (or the folder's own case), one after another.
 * @param onCase told of each case when it is through
 * @throws UserError where the folder holds no case
 */
export async function runReference(
  gpu: Gpu,
  folder: string,
  onCase?: (name: string, checks: readonly Check[]) => void,
): Promise<ReferenceReport> {
  const cases: CaseCheck[] = [];
  for (const path of await findCases(folder)) {
    const name = basename(resolve(path));
    const checks = await runCase(gpu, path);
    cases.push(...checks.map((check) => ({ case: name, ...check })));
    onCase?.(name, checks);
  }
  const possible = cases.filter((check) => !check.unsupported);
  return { passed: possible.length > 0 && possible.every((check) => check.passed), cases };
}
