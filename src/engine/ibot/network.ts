/**
 * Student and teacher: their parameters in flat buffers, the map from student to teacher, and the state that training
 * carries (gradients, moments, counters, centres). Formulas and pairings: main_ibot.py and models/head.py.
 */
import { Allocation, type Graph, type Tensor } from '../graph';
import {
  headParameters,
  ParameterSet,
  vitParameters,
  type HeadConfig,
  type ParameterEntry,
  type VitConfig,
} from '../nn';

export interface NetworkConfig {
  /** The student's backbone; the teacher's is the same without `masked_embed`. */
  backbone: VitConfig;
  head: HeadConfig;
  /** The teacher's last layer is shared by [CLS] and patches (original: --shared_head_teacher). */
  sharedHeadTeacher: boolean;
}

export const teacherBackbone = (config: NetworkConfig): VitConfig => ({ ...config.backbone, maskedImageModeling: false });
export const teacherHead = (config: NetworkConfig): HeadConfig => ({ ...config.head, shared: config.sharedHeadTeacher });

/** A flat student entry with the place in the teacher's buffer that follows it. */
export interface FollowedEntry extends ParameterEntry {
  teacherOffset: number | undefined;
}

export class Network {
  readonly student: ParameterSet;
  readonly teacher: ParameterSet;
  readonly entries: FollowedEntry[];
  readonly gradient: Allocation;
  readonly firstMoment: Allocation;
  readonly secondMoment: Allocation;
  readonly counters: Allocation;
  readonly centre: Allocation;
  readonly patchCentre: Allocation;
  readonly centreSum: Allocation;
  readonly patchCentreSum: Allocation;

  constructor(readonly config: NetworkConfig) {
    const { backbone, head } = config;
    this.student = new ParameterSet(
      [...vitParameters(backbone, 'backbone.'), ...headParameters(head, 'head.')],
      'student',
    );
    this.teacher = new ParameterSet(
      [...vitParameters(teacherBackbone(config), 'backbone.'), ...headParameters(teacherHead(config), 'head.')],
      'teacher',
    );
    // The average covers the parameters that both have, by name (main_ibot.py, `names_common`).
    this.entries = this.student.entries.map((entry) => ({
      ...entry,
      teacherOffset: this.teacher.has(entry.name) ? this.teacher.entry(entry.name).offset : undefined,
    }));
    const bytes = this.student.length * 4;
    this.gradient = new Allocation('gradient', bytes);
    this.firstMoment = new Allocation('first moment', bytes);
    this.secondMoment = new Allocation('second moment', bytes);
    this.counters = new Allocation('counters', this.entries.length * 16);
    const out = head.outDim * 4;
    const patchOut = head.patchOutDim * 4;
    this.centre = new Allocation('centre', out);
    this.patchCentre = new Allocation('patch centre', patchOut);
    this.centreSum = new Allocation('centre sum', out);
    this.patchCentreSum = new Allocation('patch centre sum', patchOut);
  }

  /**
   * The teacher's values from the student's, as loading the student's state dict does: names in common are copied;
   * where the student's last layers are separate and the teacher's is shared, `last_layer2` comes later in the state
   * dict and wins; a separate teacher layer of a shared student copies the shared one.
   */
  teacherFromStudent(student: Float32Array): Float32Array {
    const named = new Map([...this.student.named(student)].map(({ name, values }) => [name, values]));
    const shared = this.config.sharedHeadTeacher && !this.config.head.shared;
    return this.teacher.flatten((name) => {
      if (shared && name.startsWith('head.last_layer.')) return named.get(name.replace('last_layer.', 'last_layer2.'));
      return named.get(name) ?? named.get(name.replace('last_layer2.', 'last_layer.'));
    });
  }

  /** The student's parameters as tensors of a graph, gradients added into the flat buffer. */
  studentTensors(graph: Graph): (name: string) => Tensor {
    return this.student.tensors(graph, this.gradient);
  }

  teacherTensors(graph: Graph): (name: string) => Tensor {
    return this.teacher.tensors(graph);
  }

  /** Everything that training keeps between steps, for checkpoints and for memory figures. */
  get allocations(): Allocation[] {
    return [
      this.student.values,
      this.teacher.values,
      this.gradient,
      this.firstMoment,
      this.secondMoment,
      this.counters,
      this.centre,
      this.patchCentre,
      this.centreSum,
      this.patchCentreSum,
    ];
  }

  destroy(): void {
    for (const allocation of this.allocations) allocation.destroy();
  }
}

/** Looks up names with a prefix: `within(p, 'backbone.')('cls_token')`. */
export const within =
  (p: (name: string) => Tensor, prefix: string) =>
  (name: string): Tensor =>
    p(prefix + name);
