/**
 * Is the run learning? Collapse is told by what really shows it: the teacher's outputs are all alike (their mean entropy
 * near ln(out_dim)), or all pictures get one output (the entropy of their mean near 0), or the features span fewer
 * directions than those of the untrained network. The loss ranks nothing, since it follows temperature and out_dim.
 */
import { UserError } from '../errors';
import type { Recipe, StepReport } from '../ibot';
import type { WarningCode } from './events';

export interface HealthWarning {
  code: WarningCode;
  message: string;
}

/** Of ln(out_dim): above it outputs say nothing. */
const UNIFORM = 0.98;
/** Of the largest entropy that a batch's mean could have: below it, there is one output for everything. */
const ONE_OUTPUT = 0.05;
/** Of the untrained network's rank: what is above may be chance, as it is measured on some pictures only. */
const FALLEN_RANK = 0.9;

/** A sign that has to hold for some steps before it counts, and is told once until it has gone. */
class LastingSign {
  private held = 0;
  private told = false;

  constructor(private readonly patience: number) {}

  /** True when the sign has just held long enough. */
  observe(present: boolean): boolean {
    if (!present) {
      this.held = 0;
      this.told = false;
      return false;
    }
    this.held++;
    if (this.told || this.held < this.patience) return false;
    this.told = true;
    return true;
  }
}

export class HealthMonitor {
  private readonly uniform: LastingSign;
  private readonly oneOutput: LastingSign;
  private readonly uniformPatches: LastingSign;
  private readonly onePatchOutput: LastingSign;
  /** One measurement may dip. */
  private readonly fallingRank = new LastingSign(2);

  /** @param steps of the whole run: signs have to last for a twentieth of it, 10 to 100 steps */
  constructor(
    private readonly recipe: Recipe,
    private readonly stepsPerEpoch: number,
    steps: number,
  ) {
    const patience = Math.min(100, Math.max(10, Math.round(steps / 20)));
    this.uniform = new LastingSign(patience);
    this.oneOutput = new LastingSign(patience);
    this.uniformPatches = new LastingSign(patience);
    this.onePatchOutput = new LastingSign(patience);
  }

  /** What a step shows. */
  step(report: StepReport): HealthWarning[] {
    const { recipe } = this;
    const { loss } = report;
    const warm = this.isWarm(report.step);
    const warnings: HealthWarning[] = [];
    // Means are taken within the parts of a batch; of a single picture all crops have one output.
    const part = recipe.batch_size / recipe.accumulate;
    const outputs = Math.min(recipe.out_dim, part * recipe.global_crops_number);
    if (this.uniform.observe(warm && loss.teacherEntropy > UNIFORM * Math.log(recipe.out_dim))) {
      warnings.push({ code: 'uniform-teacher', message: uniformMessage('', loss.teacherEntropy, recipe.out_dim) });
    }
    if (this.oneOutput.observe(part > 1 && loss.meanTeacherEntropy < ONE_OUTPUT * Math.log(outputs))) {
      warnings.push({ code: 'one-output', message: oneOutputMessage('pictures', loss.meanTeacherEntropy) });
    }
    if (loss.maskedRows === 0 || recipe.lambda2 === 0) return warnings;
    const patches = Math.min(recipe.patch_out_dim, loss.maskedRows / recipe.accumulate);
    if (this.uniformPatches.observe(warm && loss.teacherPatchEntropy > UNIFORM * Math.log(recipe.patch_out_dim))) {
      const message = uniformMessage('patch_', loss.teacherPatchEntropy, recipe.patch_out_dim);
      warnings.push({ code: 'uniform-teacher', message });
    }
    if (this.onePatchOutput.observe(patches > 1 && loss.meanTeacherPatchEntropy < ONE_OUTPUT * Math.log(patches))) {
      warnings.push({ code: 'one-output', message: oneOutputMessage('patches', loss.meanTeacherPatchEntropy) });
    }
    return warnings;
  }

  /** What the teacher's features show after `step` steps, beside those of the network before training. */
  rank(step: number, rank: number | null, untrained: number | null): HealthWarning[] {
    if (rank === null || untrained === null) return [];
    if (!this.fallingRank.observe(this.isWarm(step) && rank < FALLEN_RANK * untrained)) return [];
    return [
      {
        code: 'falling-rank',
        message:
          `The features span ${rank.toFixed(1)} directions, fewer than the ${untrained.toFixed(1)} of the untrained network, ` +
          'so they may be collapsing: if it goes on, lower lr, lengthen warmup_epochs, or take more pictures per step.',
      },
    ];
  }

  /** Outputs are nearly uniform at first; whether they stay so is seen once both warm-ups are through. */
  private isWarm(step: number): boolean {
    const { warmup_epochs: rate, warmup_teacher_temp_epochs: temperature } = this.recipe;
    return step >= Math.max(rate, temperature) * this.stepsPerEpoch;
  }
}

const uniformMessage = (which: '' | 'patch_', entropy: number, outputs: number): string =>
  `The teacher's ${which === '' ? '[CLS]' : 'patch'} outputs are nearly uniform (entropy ${entropy.toFixed(2)} of ` +
  `ln(${outputs}) = ${Math.log(outputs).toFixed(2)}), so there is nothing to learn from them: ` +
  `lower teacher_${which}temp, or ${which}out_dim.`;

const oneOutputMessage = (what: 'pictures' | 'patches', entropy: number): string =>
  `The teacher gives nearly one output for all ${what} (entropy of the mean ${entropy.toFixed(2)}): the run has collapsed, or ` +
  'is about to; start again with a lower lr, a longer warmup_epochs, or a higher momentum_teacher.';

/** Training came to a value that is not finite and changed nothing since. The last checkpoint is as it was. */
export class NonFiniteError extends UserError {
  constructor(
    /** Steps that had been done. */
    readonly step: number,
    /** The first parameter whose gradient was not finite; undefined where it was the loss alone. */
    readonly parameter: string | undefined,
    /** The first tensor on the way that was not finite, found by running the step again. */
    readonly tensor: { op: string; tensor: string } | undefined,
    checkpoint: number | undefined,
    diagnosis: string,
  ) {
    const what = parameter === undefined ? 'the loss' : `the gradient of ${parameter}`;
    const saved = checkpoint === undefined ? 'There is no checkpoint yet' : `The checkpoint of step ${checkpoint} is intact`;
    super(
      `After step ${step}, ${what} was not a finite number, and training stopped before it could do harm. ` +
        (tensor ? `First met in ${tensor.tensor}, in ${tensor.op}. ` : '') +
        `${saved}; lower lr, lengthen warmup_epochs or set clip_grad in a new run ` +
        `(resuming this one meets the same, unless the device was at fault). Details are in ${diagnosis}.`,
    );
    this.name = 'NonFiniteError';
  }
}
