/**
 * Mean over the tokens of each sequence, leaving out the first `skip` of them. Forward only: the original pools when
 * features are taken, not in pretraining.
 */
import { spread, SPREAD_INDEX, type Graph, type Kernel, type OpDefinition, type Tensor } from '../graph';

interface Attributes {
  sequences: number;
  length: number;
  skip: number;
}

const kernel: Kernel = {
  key: 'mean-pool',
  bindings: ['x: f32', 'y: f32'],
  params: ['sequences', 'length', 'skip', 'columns'],
  workgroup: [64, 1, 1],
  main: `
  let i = ${SPREAD_INDEX} * 64u + lane;
  if (i >= p.sequences * p.columns) { return; }
  let sequence = i / p.columns;
  let column = i % p.columns;
  var sum = 0.0;
  for (var t = p.skip; t < p.length; t++) { sum += x[(sequence * p.length + t) * p.columns + column]; }
  y[i] = sum / f32(p.length - p.skip);`,
};

const meanPoolOp: OpDefinition<Attributes> = {
  name: 'mean-pool',
  outputs: ([x], { sequences }) => [{ shape: [sequences, x!.columns] }],
  lower: ({ inputs, outputs, attributes: { sequences, length, skip } }) => {
    const columns = inputs[0]!.columns;
    return [
      {
        kernel,
        tensors: [inputs[0]!, outputs[0]!],
        params: { sequences, length, skip, columns },
        workgroups: spread(Math.ceil((sequences * columns) / 64)),
      },
    ];
  },
};

/** x [sequences · length, D] → [sequences, D]. */
export function meanPool(graph: Graph, x: Tensor, attributes: Attributes): Tensor {
  return graph.one(meanPoolOp, [x], attributes);
}
