/** What the window may load: its own files, over a scheme of its own, and pictures of known datasets. Nothing else, ever. */
import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { protocol, type Session } from 'electron';
import { contentPolicy, fileTypes } from '../engine/protocol/window-files';
import { paths } from './paths';

export const appScheme = 'ibot-app';
export const pictureScheme = 'ibot-picture';
export const appOrigin = `${appScheme}://workbench`;
export const appUrl = `${appOrigin}/index.html`;

const policy = contentPolicy([`${pictureScheme}:`]);
/** Sources too, for Chromium's tools. */
const types: Readonly<Record<string, string>> = { ...fileTypes, '.map': 'application/json' };

/** Before the program is ready: both schemes are origins of their own with all of a secure context. */
export function registerSchemes(): void {
  const privileges = { standard: true, secure: true, supportFetchAPI: true };
  protocol.registerSchemesAsPrivileged([
    { scheme: appScheme, privileges },
    { scheme: pictureScheme, privileges: { ...privileges, stream: true } },
  ]);
}

/** Serves the renderer's files, refuses every other request and every permission. */
export function restrict(session: Session): void {
  session.protocol.handle(appScheme, serveAppFile);
  session.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler?.(() => false);
  session.webRequest.onBeforeRequest((details, answer) => answer({ cancel: !mayRequest(details.url) }));
  session.on('will-download', (event) => event.preventDefault());
}

function mayRequest(url: string): boolean {
  const scheme = url.slice(0, url.indexOf(':'));
  return [appScheme, pictureScheme, 'blob', 'data', 'devtools'].includes(scheme);
}

async function serveAppFile(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const refused = (status: number) => new Response(null, { status });
  if (url.origin !== 'null' && url.origin !== appOrigin) return refused(403);
  if (url.host !== 'workbench' || request.method !== 'GET') return refused(403);
  let path: string;
  try {
    path = normalize(join(paths.renderer, decodeURIComponent(url.pathname)));
  } catch {
    return refused(400);
  }
  if (!path.startsWith(paths.renderer + sep)) return refused(403);
  const type = types[extname(path)];
  if (!type) return refused(404);
  try {
    const body = await readFile(path);
    const headers = {
      'content-type': type,
      'content-security-policy': policy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    };
    return new Response(new Uint8Array(body), { headers });
  } catch {
    return refused(404);
  }
}
