/**
 * The dispatches of the distillation loss: how both losses are cut into chunks, and what happens to a chunk: teacher
 * logits → distributions, student logits → losses and the logits' gradients in place → gradients of rows and weight.
 */
import { spread, type Dispatch, type Lowering, type Tensor } from '../graph';
import {
  chunkRowsKernel,
  columnSumKernel,
  studentKernel,
  teacherKernel,
  zeroRowsKernel,
  type LossForm,
  type LossKind,
} from './distillation-kernels';
import { product } from './product';

export interface DistillationAttributes {
  batch: number;
  globalCrops: number;
  localCrops: number;
  /** Most masked rows there can be. */
  capacity: number;
  chunkBytes: number;
  forms?: 'software' | 'gpu';
}

/** Pieces of at most `most` that differ by one at the largest. */
function ranges(total: number, most: number): { first: number; length: number }[] {
  const pieces = Math.ceil(total / Math.max(1, most));
  return Array.from({ length: pieces }, (_, i) => {
    const first = Math.floor((i * total) / pieces);
    return { first, length: Math.floor(((i + 1) * total) / pieces) - first };
  });
}

/** What one of the two losses works on. */
export interface Side {
  kind: LossKind;
  student: Tensor;
  weight: Tensor;
  teacher: Tensor;
  teacherWeight: Tensor;
  centre: Tensor;
  outDim: number;
  studentGradient: Tensor;
  weightGradient: Tensor;
  /** The weight's gradient already holds something. */
  begun: boolean;
  /** Sum of the teacher's distributions, [outDim]. */
  means: Tensor;
}

export class LossLowering {
  readonly dispatches: Dispatch[] = [];
  readonly bottleneck: number;
  readonly studentRows: number;
  readonly teacherRows: number;
  /** Per row: [CLS] losses, [CLS] entropies, patch losses, patch entropies. */
  readonly results: Tensor;
  readonly software: boolean;
  private readonly limit: number;

  constructor(
    private readonly lowering: Lowering,
    private readonly attributes: DistillationAttributes,
    private readonly scalars: Tensor,
    student: Tensor,
  ) {
    const { batch, globalCrops, localCrops, capacity, chunkBytes, forms } = attributes;
    this.software = forms ? forms === 'software' : lowering.gpu.info.software;
    this.bottleneck = student.columns;
    this.studentRows = batch * (globalCrops + localCrops);
    this.teacherRows = batch * globalCrops;
    this.results = lowering.scratch([this.studentRows + this.teacherRows + 2 * capacity]);
    this.limit = Math.min(chunkBytes, lowering.gpu.limits.maxStorageBufferBindingSize);
  }

  private form(outDim: number): LossForm {
    const width = this.software ? 8 : outDim >= 4096 ? 256 : 64;
    return { width, vec4: outDim % 4 === 0 };
  }

  private push(...dispatches: Dispatch[]): void {
    this.dispatches.push(...dispatches);
  }

  /** [CLS] rows of every crop; `predicted`: arg max of teacher and student rows. */
  cls(side: Side, predicted: { teacher: Tensor; student: Tensor }): void {
    const { lowering, bottleneck, attributes } = this;
    const { batch, globalCrops, localCrops } = attributes;
    const crops = globalCrops + localCrops;
    const chunks = ranges(batch, Math.floor(this.limit / (4 * side.outDim * (crops + globalCrops))));
    const longest = Math.max(...chunks.map((chunk) => chunk.length));
    const whole = chunks.length === 1;
    const logits = lowering.scratch([crops * longest, side.outDim]);
    const teacher = lowering.scratch([globalCrops * longest, side.outDim]);
    const packed = { student: side.student, teacher: side.teacher, gradient: side.studentGradient };
    if (!whole) {
      packed.student = lowering.scratch([crops * longest, bottleneck]);
      packed.teacher = lowering.scratch([globalCrops * longest, bottleneck]);
      packed.gradient = lowering.scratch([crops * longest, bottleneck]);
    }
    const copy = (direction: 'gather' | 'scatter', all: Tensor, part: Tensor, rows: number, chunk: number, first: number): void =>
      this.push({
        kernel: chunkRowsKernel(direction),
        tensors: [all, part],
        params: { size: rows * bottleneck, columns: bottleneck, chunk, batch, first },
        workgroups: spread(Math.ceil((rows * bottleneck) / 256)),
      });
    for (const { first, length } of chunks) {
      if (!whole) {
        copy('gather', side.student, packed.student, crops * length, length, first);
        copy('gather', side.teacher, packed.teacher, globalCrops * length, length, first);
      }
      const place = { chunk: length, batch, first };
      this.teacher(side, teacher, { tensor: packed.teacher }, globalCrops * length, place, predicted.teacher);
      this.student(side, logits, teacher, { tensor: packed.student }, crops * length, place, predicted.student);
      this.gradients(side, logits, { tensor: packed.student }, { tensor: packed.gradient }, crops * length, undefined);
      if (!whole) copy('scatter', side.studentGradient, packed.gradient, crops * length, length, first);
    }
  }

  /** Masked rows, which follow the [CLS] rows in the student's and the teacher's tensors. */
  patches(side: Side, weights: Tensor, count: Tensor): void {
    const { lowering, bottleneck, attributes } = this;
    const { capacity } = attributes;
    const chunks = ranges(capacity, Math.floor(this.limit / (4 * side.outDim * 2)));
    const longest = Math.max(...chunks.map((chunk) => chunk.length));
    const logits = lowering.scratch([longest, side.outDim]);
    const teacher = lowering.scratch([longest, side.outDim]);
    for (const { first, length } of chunks) {
      const place = { chunk: length, batch: capacity, first };
      const rowCount = { tensor: count, subtract: first };
      const offset = (this.studentRows + first) * bottleneck;
      const input = { tensor: side.student, offset };
      this.teacher(
        side,
        teacher,
        { tensor: side.teacher, offset: (this.teacherRows + first) * bottleneck },
        length,
        place,
        count,
        rowCount,
      );
      this.student(side, logits, teacher, input, length, place, weights, rowCount);
      this.gradients(side, logits, input, { tensor: side.studentGradient, offset }, length, rowCount);
    }
    this.zeroRows(side.studentGradient, this.studentRows * bottleneck, capacity, bottleneck, count);
  }

  zeroRows(tensor: Tensor, offset: number, rows: number, columns: number, count?: Tensor): void {
    this.push({
      kernel: zeroRowsKernel(count !== undefined),
      tensors: [tensor, ...(count ? [count] : [])],
      params: { size: rows * columns, columns, offset },
      workgroups: spread(Math.ceil((rows * columns) / 1024)),
    });
  }

  private teacher(
    side: Side,
    logits: Tensor,
    input: { tensor: Tensor; offset?: number },
    rows: number,
    place: { chunk: number; batch: number; first: number },
    last: Tensor,
    rowCount?: { tensor: Tensor; subtract: number },
  ): void {
    const { lowering, scalars, results, bottleneck, studentRows, teacherRows } = this;
    const form = this.form(side.outDim);
    const columns = form.vec4 ? side.outDim / 4 : side.outDim;
    const entropyOffset = side.kind === 'cls' ? studentRows : studentRows + teacherRows + this.attributes.capacity;
    const rowLanes = this.software ? 1 : 16;
    this.push(
      ...product(lowering, {
        kind: 'nt',
        m: rows,
        n: side.outDim,
        k: bottleneck,
        a: input,
        b: { tensor: side.teacherWeight },
        c: { tensor: logits },
        rowCount,
      }),
      {
        kernel: teacherKernel(form, side.kind),
        tensors: [logits, side.centre, scalars, results, last],
        params: { rows, columns, ...place, entropyOffset },
        workgroups: spread(rows),
      },
      {
        kernel: columnSumKernel(rowLanes, form.vec4, side.kind),
        tensors: [logits, side.means, ...(rowCount ? [rowCount.tensor] : [])],
        params: { rows, columns, first: place.first, add: place.first > 0 ? 1 : 0 },
        workgroups: spread(Math.ceil(columns / 16)),
      },
    );
  }

  private student(
    side: Side,
    logits: Tensor,
    teacher: Tensor,
    input: { tensor: Tensor; offset?: number },
    rows: number,
    place: { chunk: number; batch: number; first: number },
    last: Tensor,
    rowCount?: { tensor: Tensor; subtract: number },
  ): void {
    const { lowering, scalars, results, bottleneck } = this;
    const { globalCrops } = this.attributes;
    const form = this.form(side.outDim);
    this.push(
      ...product(lowering, {
        kind: 'nt',
        m: rows,
        n: side.outDim,
        k: bottleneck,
        a: input,
        b: { tensor: side.weight },
        c: { tensor: logits },
        rowCount,
      }),
      {
        kernel: studentKernel(form, side.kind),
        tensors: [logits, teacher, scalars, results, last, ...(rowCount ? [rowCount.tensor] : [])],
        params: {
          rows,
          columns: form.vec4 ? side.outDim / 4 : side.outDim,
          ...place,
          globalCrops,
          lossOffset: side.kind === 'cls' ? 0 : this.studentRows + this.teacherRows,
          share: this.share(side.kind),
        },
        workgroups: spread(rows),
      },
    );
  }

  private gradients(
    side: Side,
    logits: Tensor,
    input: { tensor: Tensor; offset?: number },
    output: { tensor: Tensor; offset?: number },
    rows: number,
    rowCount: { tensor: Tensor; subtract: number } | undefined,
  ): void {
    const { lowering, bottleneck } = this;
    const both = { k: side.outDim, n: bottleneck, rowCount };
    this.push(
      ...product(lowering, { ...both, kind: 'nn', m: rows, a: { tensor: logits }, b: { tensor: side.weight }, c: output }),
      ...product(lowering, {
        ...both,
        kind: 'tn',
        m: side.outDim,
        k: rows,
        a: { tensor: logits },
        b: input,
        c: { tensor: side.weightGradient },
        accumulate: side.begun,
      }),
    );
    side.begun = true;
  }

  /** 1 / (batch × terms): each term is a mean over the batch, then the mean over terms. */
  share(kind: LossKind): number {
    const { batch, globalCrops, localCrops } = this.attributes;
    const terms = kind === 'patch' ? globalCrops : globalCrops * (globalCrops + localCrops) - globalCrops;
    return terms > 0 ? 1 / (batch * terms) : 0;
  }
}
