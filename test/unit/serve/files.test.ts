import { gunzipSync } from 'node:zlib';
import { get as httpGet } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readRenderer } from '../../../src/engine/serve/renderer-files';
import { temporaryFolder } from '../../support/temporary-folder';
import { page, rendererFolder, served, type Served } from './served';

describe('what is served', () => {
  let server: Served;
  let cookie: string;
  beforeAll(async () => {
    server = await served();
    cookie = await server.signIn();
  });
  afterAll(() => server.close());

  test("the built window's files, those named by their content for ever", async () => {
    expect((await server.get('/', { cookie })).body).toBe(page);
    const script = await server.get('/assets/main-1a2b.js', { cookie });
    expect(script.headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect(script.headers['cache-control']).toContain('immutable');
    expect(script.body).toHaveLength(3000);
    expect((await server.get('/assets/main-1a2b.js', { cookie }, 'HEAD')).body).toBe('');
  });

  test('packed for who can unpack', async () => {
    const { headers, bytes } = await new Promise<{ headers: Record<string, unknown>; bytes: Buffer }>((resolve) => {
      const asked = { host: '127.0.0.1', port: server.port, path: '/assets/main-1a2b.js', headers: { cookie, 'accept-encoding': 'br, gzip' } };
      httpGet(asked, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ headers: response.headers, bytes: Buffer.concat(chunks) }));
      });
    });
    expect(headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(bytes)).toHaveLength(3000);
  });

  test('nothing beside them: no climbing, however it is written, no links, no maps of sources', async () => {
    const paths = [
      '/../secret.json',
      '/assets/../../secret.json',
      '/%2e%2e/secret.json',
      '/..%2fsecret.json',
      '/%252e%252e%252fsecret.json',
      '/..\\secret.json',
      '/..%5csecret.json',
      '/....//secret.json',
      '//secret.json',
      '//etc/passwd',
      '/./index.html',
      '/assets/%00',
      '/index.html%00.png',
      '/link.json',
      '/above/secret.json',
      '/assets',
      '/assets/main-1a2b.js.map',
      '/constructor',
      '/__proto__',
      `http://127.0.0.1:${server.port}/index.html`,
      '*',
    ];
    for (const path of paths) {
      const answer = await server.get(path, { cookie });
      expect([400, 404], path).toContain(answer.status);
      expect(answer.body, path).not.toContain('secret');
    }
    expect([...(await readRenderer(rendererFolder())).keys()].sort()).toEqual(['assets/main-1a2b.js', 'index.html']);
  });

  test('pictures by their numbers, and none by a path', async () => {
    const picture = await server.get('/dataset/aaaa/7/256/3', { cookie });
    expect([picture.status, picture.body, picture.headers['content-type']]).toEqual([200, 'a picture', 'image/webp']);
    expect(server.pictures).toEqual([{ dataset: 'aaaa', picture: 7, size: 256, version: 3 }]);
    expect((await server.get('/dataset/aaaa/8/256/3', { cookie })).status).toBe(404);
    server.pictures.length = 0;
    for (const path of ['aaaa/7/300/1', 'aaaa/7/256', 'aaaa/-1/256/1', 'AAAA/7/256/1', '../../etc/passwd', 'aaaa/7/256/1/../2', 'aaaa/%37/256/1', 'aaaa/7/256/1/other', 'aaaa/99999999999/256/1', '']) {
      expect((await server.get(`/dataset/${path}`, { cookie })).status, path).toBe(400);
    }
    expect(server.pictures).toEqual([]);
  });

  test('only GET', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      expect((await server.get('/index.html', { cookie }, method)).status, method).toBe(405);
    }
    expect((await server.get('/engine', { cookie })).status).toBe(426);
  });

  test('what is no HTTP ends the connection and nothing else', async () => {
    expect(await server.raw('\x00\xff not http\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect((await server.get('/', { cookie })).status).toBe(200);
  });
});

test('without a built window it says how to build it', async () => {
  await expect(readRenderer(temporaryFolder())).rejects.toThrow('npm start builds it');
});
