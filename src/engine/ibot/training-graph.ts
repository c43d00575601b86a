/**
 * The training step as graphs, traced once for its shapes. `forward` is one micro-batch: teacher and student, both
 * losses, gradients added into the flat buffer, the batch's share of the centres. `update` is what follows once all
 * micro-batches are through: clipping, AdamW, teacher average, centres. (main_ibot.py, `train_one_epoch`.)
 */
import { addGradients, addOp, Allocation, Graph, type Tensor } from '../graph';
import { dropPathRates, headBottleneck, lastLayerWeight, vit, type CropGroup } from '../nn';
import {
  augment,
  centreSum,
  centreUpdate,
  columnMean,
  distillationLoss,
  gatherRows,
  koleo,
  linear,
  LOSS_SCALARS_LENGTH,
  METRICS_LENGTH,
  normaliseRows,
  optimiser,
  patchify,
  sinkhornCentre,
  STATE_LENGTH,
  STEP_METRICS_LENGTH,
  STEP_SCALARS_LENGTH,
} from '../ops';
import { teacherBackbone, teacherHead, within, type Network } from './network';
import type { StepShape } from './step-inputs';

/** ImageNet's mean and standard deviation, as the original normalises (main_ibot.py, `DataAugmentationiBOT`). */
export const PIXEL_MEAN: readonly [number, number, number] = [0.485, 0.456, 0.406];
export const PIXEL_STD: readonly [number, number, number] = [0.229, 0.224, 0.225];

export interface TrainingShape {
  /** Pictures of a micro-batch. */
  batch: number;
  globalCrops: number;
  localCrops: number;
  /** Height and width of the crops in pixels. */
  globalSize: number;
  localSize: number;
  /** Most masked patches of a micro-batch. */
  capacity: number;
  dropPath: number;
  /** Masked patches are replaced by `masked_embed` (original: use_masked_im_modeling). */
  masking: boolean;
  /** Weight of KoLeo on the student's global [CLS] tokens, per micro-batch; 0: without. */
  koleo: number;
  /** The [CLS] centre is the micro-batch's own, by Sinkhorn–Knopp, instead of the moving one. */
  sinkhorn: boolean;
  /** Pixels of a micro-batch's pictures; 0: crops come as ready images. */
  pixelCapacity: number;
}

/** Rows of a micro-batch. @param patchSize in pixels, a divisor of both sizes of crops */
export function stepShape(shape: TrainingShape, patchSize: number): StepShape {
  return {
    batch: shape.batch,
    globalCrops: shape.globalCrops,
    localCrops: shape.localCrops,
    globalPatches: (shape.globalSize / patchSize) ** 2,
    localPatches: shape.localCrops > 0 ? (shape.localSize / patchSize) ** 2 : 0,
    capacity: shape.capacity,
  };
}

/** Tensors that the host writes before a micro-batch. */
export interface ForwardInputs {
  /** Decoded pixels and crop records, or ready images. */
  pixels?: Tensor;
  globalRecords?: Tensor;
  localRecords?: Tensor;
  globalImages: Tensor;
  localImages?: Tensor;
  mask?: Tensor;
  studentIndex: Tensor;
  teacherIndex: Tensor;
  studentRows: Tensor;
  teacherRows: Tensor;
  maskedCount: Tensor;
  maskedWeights: Tensor;
  scalars: Tensor;
  dropTable?: Tensor;
  dropSequence?: Tensor;
  /** Token rows of the teacher's patches and of its [CLS], for the centres. Constant. */
  teacherPatchRows: Tensor;
  teacherClassRows: Tensor;
}

export interface ForwardGraph {
  graph: Graph;
  inputs: ForwardInputs;
  /** Losses and entropies, summed over the step's micro-batches; see METRIC of the loss. The update clears them. */
  lossSum: Tensor;
  /** Arg max of the teacher's and student's [CLS] logits, crop-major. */
  teacherArgmax: Tensor;
  studentArgmax: Tensor;
}

/**
 * Traces one micro-batch for its shapes. Tensors of rows [n, columns] hold the rows of all crops: large ones first, crop-major.
 * What it reads and adds up outlives the graph (parameters, gradients, centre sums, loss sums).
 */
export function traceForward(network: Network, shape: TrainingShape): ForwardGraph {
  const { backbone, head } = network.config;
  const step = stepShape(shape, backbone.patchSize);
  const { batch, globalCrops, localCrops, capacity } = shape;
  const graph = new Graph();
  const grid = (size: number): number => size / backbone.patchSize;
  const groups: CropGroup[] = [
    { sequences: globalCrops * batch, rows: grid(shape.globalSize), columns: grid(shape.globalSize) },
  ];
  if (localCrops > 0) {
    groups.push({ sequences: localCrops * batch, rows: grid(shape.localSize), columns: grid(shape.localSize) });
  }
  const globalSequences = globalCrops * batch;
  const classRows = (globalCrops + localCrops) * batch;
  const patchRows = globalSequences * step.globalPatches + localCrops * batch * step.localPatches;
  const tokenRows = patchRows + classRows;

  const u32 = (name: string, size: number): Tensor => graph.input(name, [size], 'u32');
  const pictures = shape.pixelCapacity > 0;
  const pixels = pictures ? u32('pixels', shape.pixelCapacity) : undefined;
  const crops = (name: string, count: number, size: number): { records?: Tensor; images: Tensor } => {
    if (!pixels) return { images: graph.input(`${name} images`, [count, 3, size, size]) };
    const records = graph.input(`${name} crops`, [count, 16], 'u32');
    return { records, images: augment(graph, pixels, records, { crops: count, size, mean: PIXEL_MEAN, std: PIXEL_STD }) };
  };
  const globals = crops('global', globalSequences, shape.globalSize);
  const locals = localCrops > 0 ? crops('local', localCrops * batch, shape.localSize) : undefined;
  const inputs: ForwardInputs = {
    pixels,
    globalRecords: globals.records,
    localRecords: locals?.records,
    globalImages: globals.images,
    localImages: locals?.images,
    mask: shape.masking ? u32('mask', patchRows) : undefined,
    studentIndex: u32('student rows', classRows + capacity),
    teacherIndex: u32('teacher rows', globalSequences + capacity),
    studentRows: u32('student row count', 1),
    teacherRows: u32('teacher row count', 1),
    maskedCount: u32('masked count', 1),
    maskedWeights: graph.input('masked weights', [capacity]),
    scalars: graph.input('loss scalars', [LOSS_SCALARS_LENGTH]),
    dropTable: shape.dropPath > 0 ? graph.input('drop path', [2 * backbone.depth * classRows]) : undefined,
    dropSequence: shape.dropPath > 0 ? u32('sequence of row', tokenRows) : undefined,
    teacherPatchRows: u32('teacher patch rows', globalSequences * step.globalPatches),
    teacherClassRows: u32('teacher class rows', globalSequences),
  };

  const images = locals ? [globals.images, locals.images] : [globals.images];
  const patches = patchify(graph, images, backbone.patchSize);
  const globalPatches = graph.view(patches, [globalSequences * step.globalPatches, patches.columns]);

  const teacher = network.teacherTensors(graph);
  const th = within(teacher, 'head.');
  const teacherConfig = teacherHead(network.config);
  const teacherTokens = vit(graph, within(teacher, 'backbone.'), teacherBackbone(network.config), {
    patches: globalPatches,
    groups: groups.slice(0, 1),
  }).tokens;
  const teacherBottleneck = headBottleneck(graph, th, teacherConfig, teacherTokens);
  const tz = gatherRows(graph, teacherBottleneck, inputs.teacherIndex, inputs.teacherRows);
  const teacherWeight = lastLayerWeight(graph, th, 'last_layer');
  const teacherWeight2 = teacherConfig.shared ? undefined : lastLayerWeight(graph, th, 'last_layer2');
  centreSum(graph, {
    mean: columnMean(graph, gatherRows(graph, teacherBottleneck, inputs.teacherClassRows)),
    weight: teacherWeight,
    sum: graph.state('centre sum', [head.outDim], network.centreSum),
    scalars: inputs.scalars,
  });
  centreSum(graph, {
    mean: columnMean(graph, gatherRows(graph, teacherBottleneck, inputs.teacherPatchRows)),
    weight: teacherWeight2 ?? teacherWeight,
    sum: graph.state('patch centre sum', [head.patchOutDim], network.patchCentreSum),
    scalars: inputs.scalars,
  });

  const student = network.studentTensors(graph);
  const sh = within(student, 'head.');
  const rates = dropPathRates(shape.dropPath, backbone.depth);
  const tokens = vit(graph, within(student, 'backbone.'), backbone, {
    patches,
    groups,
    mask: inputs.mask,
    dropPath: inputs.dropTable && { table: inputs.dropTable, sequence: inputs.dropSequence!, rates },
  }).tokens;
  const rows = gatherRows(graph, tokens, inputs.studentIndex, inputs.studentRows);
  const z = headBottleneck(graph, sh, head, rows, { tensor: inputs.studentRows });
  const weight = lastLayerWeight(graph, sh, 'last_layer');
  const weight2 = head.shared ? undefined : lastLayerWeight(graph, sh, 'last_layer2');
  const loss = distillationLoss(graph, {
    student: z,
    weight,
    weight2,
    teacher: tz,
    teacherWeight,
    teacherWeight2,
    centre: shape.sinkhorn
      ? sinkhornCentre(graph, linear(graph, graph.view(tz, [globalSequences, tz.columns]), teacherWeight), inputs.scalars)
      : graph.state('centre', [head.outDim], network.centre),
    centre2: graph.state('patch centre', [head.patchOutDim], network.patchCentre),
    scalars: inputs.scalars,
    maskedWeights: inputs.maskedWeights,
    maskedCount: inputs.maskedCount,
    batch,
    globalCrops,
    localCrops,
  });
  graph.mark();
  const lossSum = graph.state('loss sum', [METRICS_LENGTH], new Allocation('loss sum', METRICS_LENGTH * 4));
  graph.add(addOp, [lossSum, loss.metrics], { inPlace: true });
  const seeds = [...loss.seeds];
  if (shape.koleo > 0) {
    const features = normaliseRows(graph, rows, inputs.studentRows);
    const spreading = koleo(graph, features, { crops: globalCrops, batch, weight: shape.koleo });
    seeds.push([features, spreading.gradient]);
    graph.add(addOp, [lossSum, spreading.metrics], { inPlace: true });
  }
  addGradients(graph, seeds);
  graph.keep(loss.teacherPredicted, 'teacher arg max');
  graph.keep(loss.studentPredicted, 'student arg max');
  return {
    graph,
    inputs,
    lossSum,
    teacherArgmax: loss.teacherPredicted,
    studentArgmax: loss.studentPredicted,
  };
}

/** Tensors of the update that the host writes and reads. */
export interface UpdateGraph {
  graph: Graph;
  /** See `encodeOptimiserScalars`. */
  scalars: Tensor;
  /** See STATE: whether training has halted, where and why. */
  state: Tensor;
  /** The loss metrics, then the optimiser's own (STEP_METRIC). */
  metrics: Tensor;
  /** To be uploaded once. */
  tables: [Tensor, Uint32Array][];
}

/** @param windowBytes the device's maxStorageBufferBindingSize */
export function traceUpdate(network: Network, forward: ForwardGraph, windowBytes: number): UpdateGraph {
  const graph = new Graph();
  const { head } = network.config;
  const shared = (tensor: Tensor): Tensor => graph.state(tensor.name, tensor.shape, tensor.allocation!, tensor.byteOffset, tensor.dtype);
  const lossSum = shared(forward.lossSum);
  const lossScalars = shared(forward.inputs.scalars);
  const scalars = graph.input('optimiser scalars', [STEP_SCALARS_LENGTH]);
  const state = graph.input('optimiser state', [STATE_LENGTH], 'u32');
  const metrics = graph.input('step metrics', [METRICS_LENGTH + STEP_METRICS_LENGTH]);
  const { tables } = optimiser(graph, {
    entries: network.entries,
    buffers: {
      student: network.student.values,
      gradient: network.gradient,
      first: network.firstMoment,
      second: network.secondMoment,
      teacher: network.teacher.values,
    },
    counters: graph.state('counters', [network.entries.length, 4], network.counters),
    scalars,
    state,
    lossMetrics: lossSum,
    metrics,
    windowBytes,
  });
  centreUpdate(graph, {
    centre: graph.state('centre', [head.outDim], network.centre),
    sum: graph.state('centre sum', [head.outDim], network.centreSum),
    scalars: lossScalars,
    state,
    which: 'cls',
  });
  centreUpdate(graph, {
    centre: graph.state('patch centre', [head.patchOutDim], network.patchCentre),
    sum: graph.state('patch centre sum', [head.patchOutDim], network.patchCentreSum),
    scalars: lossScalars,
    state,
    which: 'patch',
  });
  return { graph, scalars, state, metrics, tables };
}
