import sharp from 'sharp';
import { drawSample, type SampleKey } from './compose';

const QUALITY = 92;

/** A sample picture as the bytes of its JPEG file. */
export async function sampleFile(key: SampleKey, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const { width, height, data } = drawSample(key, size);
  return new Uint8Array(await sharp(data, { raw: { width, height, channels: 3 } }).jpeg({ quality: QUALITY }).toBuffer());
}
