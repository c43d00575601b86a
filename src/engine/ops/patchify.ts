/**
 * Pictures cut into patch rows, in the order of the patch convolution's flattened weight, so that the convolution
 * becomes a linear layer. Pictures are data: there is no gradient.
 */
import { spread, SPREAD_INDEX, type Graph, type Kernel, type OpDefinition, type Tensor } from '../graph';

/** Four elements (vec4 where the patch allows, so that a row of a patch is whole vec4) per thread. */
const kernel = (vec4: boolean): Kernel => ({
  key: `patchify/${vec4 ? 'vec4' : 'scalar'}`,
  bindings: vec4 ? ['images: vec4f', 'rows: vec4f'] : ['images: f32', 'rows: f32'],
  params: ['size', 'height', 'width', 'side', 'patchWidth', 'first'],
  workgroup: [64, 1, 1],
  main: `
  let columns = p.width / p.patchWidth;
  let lines = p.height / p.side;
  let begin = (${SPREAD_INDEX} * 64u + lane) * 4u;
  for (var i = begin; i < min(begin + 4u, p.size); i++) {
    let x = i % p.patchWidth;
    var rest = i / p.patchWidth;
    let y = rest % p.side;
    rest = rest / p.side;
    let channel = rest % 3u;
    rest = rest / 3u;
    let column = rest % columns;
    rest = rest / columns;
    let line = rest % lines;
    let picture = rest / lines;
    rows[p.first + i] = images[((picture * 3u + channel) * p.height + line * p.side + y) * p.width + column * p.patchWidth + x];
  }`,
});

const patchifyOp: OpDefinition<{ patch: number }> = {
  name: 'patchify',
  outputs: (inputs, { patch }) => [
    { shape: [inputs.reduce((sum, images) => sum + images!.size, 0) / (3 * patch * patch), 3 * patch * patch] },
  ],
  lower: ({ inputs, outputs, attributes: { patch } }) => {
    const vec4 = patch % 4 === 0;
    const unit = vec4 ? 4 : 1;
    let first = 0;
    return inputs.map((images) => {
      const [, , height, width] = images!.shape as [number, number, number, number];
      const size = images!.size / unit;
      const params = { size, height, width: width / unit, side: patch, patchWidth: patch / unit, first };
      first += size;
      return { kernel: kernel(vec4), tensors: [images!, outputs[0]!], params, workgroups: spread(Math.ceil(size / 256)) };
    });
  },
};

/**
 * Patch rows of one or several groups of pictures, groups one after another.
 * @param images f32 [N, 3, H, W] each; H and W multiples of `patch`
 * @returns f32 [Σ N·(H/p)·(W/p), 3·p·p]; rows by picture, then line, then column of patches; columns (channel, y, x)
 *   as PyTorch flattens a convolution weight [D, 3, p, p]
 */
export function patchify(graph: Graph, images: Tensor | readonly Tensor[], patch: number): Tensor {
  const groups = Array.isArray(images) ? (images as readonly Tensor[]) : [images as Tensor];
  for (const { shape } of groups) {
    const [, channels, height, width] = shape;
    if (shape.length !== 4 || channels !== 3 || height! % patch !== 0 || width! % patch !== 0) {
      throw new Error(`patchify: pictures [${shape.join(', ')}] do not divide into patches of 3 × ${patch} × ${patch}`);
    }
  }
  return graph.one(patchifyOp, groups, { patch });
}
