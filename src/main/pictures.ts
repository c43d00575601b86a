import type { Session } from 'electron';
import { parsePictureAddress, PICTURE_BASE } from '../engine/protocol';
import type { EngineClient } from '../engine/supervise';
import { appOrigin, pictureScheme } from './content-policy';

/**
 * Serves `ibot-picture://dataset/…`: pictures of the library's datasets by their numbers, from the engine, which alone knows the files. No
 * path ever is part of an address, so there is nothing to climb out of.
 */
export function servePictures(session: Session, engine: EngineClient): void {
  session.protocol.handle(pictureScheme, async (request) => {
    const base = PICTURE_BASE.desktop;
    const address = request.url.startsWith(base) ? parsePictureAddress(request.url.slice(base.length)) : undefined;
    if (request.method !== 'GET' || !address) return new Response(null, { status: 400 });
    const { dataset, picture, size, partial } = address;
    try {
      const { type, bytes } = await engine.call('pictures.read', { dataset, picture, size, partial: partial ?? false });
      // The version is part of the address: what is behind one address never changes.
      const headers = {
        'content-type': type,
        'cache-control': 'private, max-age=31536000, immutable',
        'x-content-type-options': 'nosniff',
        'access-control-allow-origin': appOrigin,
      };
      return new Response(new Uint8Array(bytes), { headers });
    } catch {
      return new Response(null, { status: 404 });
    }
  });
}
