/**
 * Weight normalisation over rows, as `torch.nn.utils.weight_norm(layer)` with dim 0: W = g · v / ‖v‖, v [out, in],
 * g [out, 1]. The last layer of the projection head (models/head.py of the original). No eps, as there.
 */
import type { Graph, Kernel, OpDefinition, Tensor } from '../graph';
import { rowDispatch, type RowFrame } from './normalise-rows';

const forwardKernel = (frame: RowFrame): Kernel => ({
  key: `weight-norm/${frame.key}`,
  bindings: [`v: ${frame.element}`, 'g: f32', `w: ${frame.element}`],
  params: ['rows', 'columns'],
  workgroup: frame.workgroup,
  declarations: frame.declarations,
  main: `${frame.prologue}
  var sum = V();
  for (var c = part; c < columns; c += ${frame.lanes}u) { let x = v[first + c]; sum += x * x; }
  let squares = row_total(lane, vec2f(total(sum), 0.0)).x;
  let scale = g[min(row, p.rows - 1u)] / sqrt(squares);
  for (var c = part; c < columns; c += ${frame.lanes}u) { w[first + c] = v[first + c] * scale; }`,
});

/** 'none': not wanted; 'set': a new tensor; 'add': added into the parameter's gradient. */
type Target = 'none' | 'set' | 'add';
interface BackwardAttributes {
  dv: Target;
  dg: Target;
}

/** With u = v / ‖v‖: dg = u·dW, dv = g / ‖v‖ · (dW − u (u·dW)). */
const backwardKernel =
  ({ dv, dg }: BackwardAttributes) =>
  (frame: RowFrame): Kernel => ({
    key: `weight-norm-backward/${dv}-${dg}/${frame.key}`,
    bindings: [
      `v: ${frame.element}`,
      'g: f32',
      `dw: ${frame.element}`,
      ...(dv === 'none' ? [] : [`dv: ${frame.element}`]),
      ...(dg === 'none' ? [] : ['dg: f32']),
    ],
    params: ['rows', 'columns'],
    workgroup: frame.workgroup,
    declarations: frame.declarations,
    main: `${frame.prologue}
  var squares = V();
  var products = V();
  for (var c = part; c < columns; c += ${frame.lanes}u) {
    let x = v[first + c];
    squares += x * x;
    products += x * dw[first + c];
  }
  let sums = row_total(lane, vec2f(total(squares), total(products)));
  let inverse = 1.0 / sqrt(sums.x);
  let along = sums.y * inverse;
  ${dg === 'none' ? '' : `if (part == 0u && row < p.rows) { dg[row] ${dg === 'add' ? '+=' : '='} along; }`}
  ${
    dv === 'none'
      ? ''
      : `let scale = g[min(row, p.rows - 1u)] * inverse;
  for (var c = part; c < columns; c += ${frame.lanes}u) {
    dv[first + c] ${dv === 'add' ? '+=' : '='} (dw[first + c] - v[first + c] * (along * inverse)) * scale;
  }`
  }`,
  });

const backwardOp: OpDefinition<BackwardAttributes> = {
  name: 'weight-norm-backward',
  outputs: ([v, g], { dv, dg }) => [
    ...(dv === 'set' ? [{ shape: v!.shape }] : []),
    ...(dg === 'set' ? [{ shape: g!.shape }] : []),
  ],
  lower: ({ inputs: [v, g, dw, dvInto, dgInto], outputs, attributes }, lowering) => {
    const made = [...outputs];
    const target = (kind: Target, into: Tensor | undefined): Tensor[] =>
      kind === 'none' ? [] : [kind === 'add' ? into! : made.shift()!];
    const tensors = [v!, g!, dw!, ...target(attributes.dv, dvInto), ...target(attributes.dg, dgInto)];
    const family = `weight-norm-backward-${attributes.dv}-${attributes.dg}`;
    return rowDispatch(lowering, family, v!.rows, v!.columns, backwardKernel(attributes), tensors);
  },
};

export const weightNormOp: OpDefinition<object> = {
  name: 'weight-norm',
  outputs: ([v]) => [{ shape: v!.shape }],
  gradient: ({ graph, inputs: [v, g], gradientOf, wants, into }) => {
    const target = (input: number): Target => (!wants(input) ? 'none' : into(input) ? 'add' : 'set');
    const attributes: BackwardAttributes = { dv: target(0), dg: target(1) };
    const made = [...graph.add(backwardOp, [v, g, gradientOf(0), into(0), into(1)], attributes)];
    return [attributes.dv === 'set' ? made.shift() : undefined, attributes.dg === 'set' ? made.shift() : undefined];
  },
  lower: ({ inputs: [v, g], outputs: [w] }, lowering) =>
    rowDispatch(lowering, 'weight-norm', v!.rows, v!.columns, forwardKernel, [v!, g!, w!]),
};

/** W = g · v / ‖v‖ for each row: v [out, in], g [out, 1] → W [out, in]. A row of zeros gives NaN, as in PyTorch. */
export function weightNorm(graph: Graph, v: Tensor, g: Tensor): Tensor {
  if (g.size !== v.rows) throw new Error(`weightNorm: v ${v.shape} needs ${v.rows} factors, g has ${g.shape}`);
  return graph.one(weightNormOp, [v, g], {});
}
