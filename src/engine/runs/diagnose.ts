import type { Batch } from '../data';
import { writeFileAtomic } from '../formats';
import { settingsAt, type StepReport, type Trainer } from '../ibot';
import { NonFiniteError } from './health';
import type { RunParts } from './run-parts';

type NonFiniteTensor = NonNullable<Awaited<ReturnType<Trainer['firstNonFinite']>>>;

export interface Halted {
  report: StepReport;
  /** Pictures of the step, by micro-batch. */
  indices: readonly Uint32Array[];
  /** Reports of the last steps, this one included. */
  recent: readonly StepReport[];
  lastCheckpoint: number | undefined;
}

/** Writes `diagnosis.json` about a value that is not finite. @returns the error that ends the run */
export async function diagnose(
  { folder, manifest, trainer, schedules }: RunParts,
  { report, indices, recent, lastCheckpoint }: Halted,
  batchesOf: (step: number) => Promise<{ epoch: number; batches: Batch[] }>,
): Promise<NonFiniteError> {
  const { step, entry } = report.halted!;
  const parameter = entry === undefined ? undefined : trainer.network.entries[entry]?.name;
  const reports = recent.map(({ teacherArgmax: _teacher, studentArgmax: _student, ...rest }) => rest);
  const pictures = indices.flatMap((micro) => Array.from(micro, (index) => manifest.pictures[index]!.path));
  const write = (tensor: NonFiniteTensor | undefined): Promise<void> => {
    // JSON has no NaN.
    const firstTensor = tensor ? { ...tensor, value: String(tensor.value) } : null;
    const diagnosis = { step, parameter: parameter ?? null, firstTensor, pictures, reports };
    return writeFileAtomic(folder.diagnosisFile, `${JSON.stringify(diagnosis, null, 2)}\n`);
  };
  // What is known first: looking further may fail, on a device that is ill.
  await write(undefined);
  let tensor: NonFiniteTensor | undefined;
  try {
    // The state is as it was before the step: the same batches lead to the same place, node by node.
    const { epoch, batches } = await batchesOf(step);
    tensor = await trainer.firstNonFinite({ step, epoch }, settingsAt(schedules, step), batches);
    if (tensor) await write(tensor);
  } catch {
    // Without it, then.
  }
  return new NonFiniteError(step, parameter, tensor, lastCheckpoint, folder.diagnosisFile);
}
