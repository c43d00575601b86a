import { architectures, type Recipe } from './recipe';

const LETTERS: Record<Recipe['arch'], string> = { vit_tiny: 'Ti', vit_small: 'S', vit_base: 'B', vit_large: 'L' };

type Shape = Pick<Recipe, 'embed_dim' | 'depth' | 'num_heads' | 'patch_size'>;

/** What people call the model: "ViT-S/16", or width × blocks / patch where it is none of the known sizes: "ViT 192×6/8". */
export function modelTitle({ embed_dim, depth, num_heads, patch_size }: Shape): string {
  const known = Object.entries(architectures).find(
    ([, size]) => size.embed_dim === embed_dim && size.depth === depth && size.num_heads === num_heads,
  );
  return known ? `ViT-${LETTERS[known[0] as Recipe['arch']]}/${patch_size}` : `ViT ${embed_dim}×${depth}/${patch_size}`;
}
