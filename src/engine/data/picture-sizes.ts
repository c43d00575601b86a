/** How large the pictures of a set are, from a sample of them. */
import { UserError } from '../errors';
import { decodePicture, readPictureFile } from './decode';
import { picturePath, type Manifest } from './manifest';
import { PictureError } from './problems';

/** Pictures whose size is looked at, spread over the set. */
const LOOKED_AT = 48;

/** The median of the shorter sides of a sample of the pictures, in pixels. @throws UserError when none of them can be read. */
export async function medianShortSide(manifest: Manifest): Promise<number> {
  const { pictures } = manifest;
  const every = Math.max(1, pictures.length / LOOKED_AT);
  const sides: number[] = [];
  let reason = '';
  for (let at = 0; at < pictures.length; at += every) {
    try {
      const bytes = await readPictureFile(picturePath(manifest, pictures[Math.floor(at)]!));
      // Only the size counts, so as little as possible is decoded.
      const { fullWidth, fullHeight } = await decodePicture(bytes, { shrink: () => 8 });
      sides.push(Math.min(fullWidth, fullHeight));
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      reason ||= error.reason;
    }
  }
  if (sides.length === 0) throw new UserError(`None of the pictures looked at in ${manifest.root} can be read (${reason}).`);
  return sides.sort((a, b) => a - b)[Math.floor(sides.length / 2)]!;
}
