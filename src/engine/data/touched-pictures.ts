/** Which files were touched since a manifest was made: a resumed run tells of them. */
import { stat } from 'node:fs/promises';
import { picturePath, type Manifest } from './manifest';

/** Files asked about at a time. */
const AT_ONCE = 64;

/**
 * Pictures whose file has the manifest's size and another time of change: written anew, or copied without its time. Which
 * of the two, nobody can tell without the old content, so they are used. Those that are gone or have another size are not
 * among them: they are left out when they are read.
 * @param between waited for between every few of them; what it throws ends the looking
 * @returns their paths, as in the manifest and in its order
 */
export async function touchedPictures(manifest: Manifest, between?: () => Promise<void>): Promise<string[]> {
  const touched: string[] = [];
  for (let first = 0; first < manifest.pictures.length; first += AT_ONCE) {
    await between?.();
    const part = manifest.pictures.slice(first, first + AT_ONCE);
    const files = await Promise.all(part.map((picture) => stat(picturePath(manifest, picture)).catch(() => undefined)));
    part.forEach(({ path, size, modified }, i) => {
      const file = files[i];
      if (file?.size === size && Math.floor(file.mtimeMs) !== modified) touched.push(path);
    });
  }
  return touched;
}
