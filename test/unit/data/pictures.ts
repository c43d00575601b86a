/** Small picture files, good and hostile, made on the spot. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';

export async function put(root: string, path: string, bytes: string | Uint8Array): Promise<string> {
  const file = join(root, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
  return file;
}

/** A smooth picture with some grain: red grows to the right, green downwards. [height, width, 3]. */
export function gradientPixels(width: number, height: number, seed = 0): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      data[at] = Math.round((x * 255) / Math.max(1, width - 1));
      data[at + 1] = Math.round((y * 255) / Math.max(1, height - 1));
      data[at + 2] = (x * 31 + y * 17 + seed * 53) & 255;
    }
  }
  return data;
}

export function picture(width: number, height: number, seed = 0): Sharp {
  return sharp(gradientPixels(width, height, seed), { raw: { width, height, channels: 3 } });
}

/** A PNG whose header claims another size. */
export async function lyingPng(width: number, height: number): Promise<Buffer> {
  const png = await picture(4, 4).png().toBuffer();
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  // The checksum of the header covers the size.
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
  return png;
}

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
