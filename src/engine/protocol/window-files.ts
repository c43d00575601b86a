/** What the built window's files are served with, by the desktop and to browsers. Imported by itself: the window need not know. */

/**
 * What a page of ours may load; a header cannot be edited away by a page. Also in index.html, but for `frame-ancestors`, which counts
 * in headers alone. Sockets to where the page is from are 'self'.
 * @param pictures sources of pictures beside the page's own
 */
export const contentPolicy = (pictures: readonly string[] = []): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "style-src-attr 'unsafe-inline'",
    ['img-src', "'self'", ...pictures, 'blob:', 'data:'].join(' '),
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join('; ');

/** By a file's ending. What is not listed is not served. */
export const fileTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.wasm': 'application/wasm',
};
