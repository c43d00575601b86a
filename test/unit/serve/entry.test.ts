import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isLoopback, parseHost } from '../../../src/engine/serve/access';
import { page, served, type Served } from './served';

describe('who may come in', () => {
  let server: Served;
  let cookie: string;
  beforeAll(async () => {
    server = await served();
    cookie = await server.signIn();
  });
  afterAll(() => server.close());

  test('without the token there is a page that asks for it, and nothing else', async () => {
    const asked = await server.get('/');
    expect(asked.status).toBe(401);
    expect(asked.body).toContain('name="token"');
    expect(asked.body).not.toContain(server.access.token);
    for (const path of ['/index.html', '/assets/main-1a2b.js', '/dataset/aaaa/7/256/1', '/engine', '/nothing']) {
      expect((await server.get(path)).status, path).toBe(401);
    }
    expect(server.pictures).toEqual([]);
  });

  test('a wrong token is none, of whatever length', async () => {
    const { token } = server.access;
    const other = token.startsWith('A') ? 'B' : 'A';
    for (const wrong of ['', 'x', `${other}${token.slice(1)}`, token.slice(0, -1), `${token}A`, token.toLowerCase()]) {
      const { status, headers } = await server.get(`/?token=${wrong}`);
      expect([status, headers['set-cookie']], wrong).toEqual([401, undefined]);
    }
  });

  test('the token is exchanged for a cookie that scripts and foreign pages do not have', async () => {
    const { status, headers } = await server.get(`/?token=${server.access.token}`);
    expect([status, headers.location]).toEqual([303, '/']);
    const [given] = headers['set-cookie'] as string[];
    expect(given).toMatch(/; HttpOnly; SameSite=Strict$/);
    expect(given).toContain(`ibot-workbench-${server.port}=`);
    expect(given).not.toContain(server.access.token);
    expect((await server.get('/', { cookie })).body).toBe(page);
  });

  test('a cookie of another value or of another server is none', async () => {
    const [name, value] = cookie.split('=');
    for (const wrong of [`${name}=`, `${name}=${server.access.token}`, `${name}=${value}x`, `${name}-1=${value}`, `x${cookie}`]) {
      expect((await server.get('/index.html', { cookie: wrong })).status, wrong).toBe(401);
    }
    expect((await server.get('/index.html', { cookie: `other=1; ${cookie}` })).status).toBe(200);
  });

  test('a form signs in, from our own page alone', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const origin = `http://127.0.0.1:${server.port}`;
    const send = (body: string, headers: Record<string, string>) => server.get('/sign-in', { ...form, ...headers }, 'POST', body);
    expect((await send(`token=${server.access.token}`, { origin })).status).toBe(303);
    expect((await send(`token=${server.access.token}`, { origin: 'http://evil.example' })).status).toBe(403);
    expect((await send(`token=${server.access.token}`, {})).status).toBe(403);
    expect((await send('token=wrong', { origin })).status).toBe(401);
    expect((await send('', { origin })).status).toBe(401);
    expect((await send('x'.repeat(5000), { origin })).status).toBe(413);
  });

  test('a name that was made to lead here is refused, with cookie and token', async () => {
    for (const host of ['evil.example', `evil.example:${server.port}`, `127.0.0.1.evil.example:${server.port}`, '192.168.1.7', 'a b', 'x@127.0.0.1']) {
      const { status } = await server.get('/', { cookie, host });
      expect([400, 403], host).toContain(status);
      expect([400, 403]).toContain((await server.get(`/?token=${server.access.token}`, { host })).status);
    }
    for (const host of [`localhost:${server.port}`, `[::1]:${server.port}`, `LOCALHOST:${server.port}`]) {
      const { status } = await server.get(`/?token=${server.access.token}`, { host });
      expect(status, host).toBe(303);
    }
    expect(await server.raw('GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /);
    expect(await server.raw('GET / HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('foreign pages load nothing, whatever they say', async () => {
    for (const origin of ['http://evil.example', 'null', `http://localhost:${server.port}`, `http://127.0.0.1:${server.port + 1}`, `http://127.0.0.1:${server.port}.evil.example`]) {
      expect((await server.get('/index.html', { cookie, origin })).status, origin).toBe(403);
    }
    for (const site of ['cross-site', 'same-site']) {
      const loaded = { cookie, 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
      expect((await server.get('/dataset/aaaa/7/256/1', loaded)).status).toBe(403);
      const framed = { cookie, 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' };
      expect((await server.get('/', framed)).status).toBe(403);
      const followed = { cookie, 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
      expect((await server.get('/', followed)).status).toBe(200);
    }
  });

  test('a socket opens for our own page alone, signed in', async () => {
    const own = await server.own();
    const refused = (headers: Record<string, string>, path?: string) =>
      server.open(headers, path).then(
        (socket) => (socket.terminate(), 'opened'),
        (error: Error) => error.message,
      );
    expect(await refused({})).toBe('403');
    expect(await refused({ cookie: own.cookie })).toBe('403');
    expect(await refused({ origin: own.origin })).toBe('401');
    expect(await refused({ ...own, cookie: `${own.cookie}x` })).toBe('401');
    expect(await refused({ ...own, origin: 'http://evil.example' })).toBe('403');
    expect(await refused({ ...own, origin: 'null' })).toBe('403');
    expect(await refused({ cookie: own.cookie, origin: 'http://evil.example', host: 'evil.example' })).toBe('403');
    expect(await refused(own, '/other')).toBe('404');
    expect(await refused(own, `/engine/../engine`)).toBe('opened'); // the client takes it apart before it asks
    expect(await refused(own)).toBe('opened');
  });

  test('every answer keeps the page to itself', async () => {
    for (const [path, headers] of [['/', { cookie }], ['/', {}], ['/nothing', { cookie }], ['/', { host: 'evil.example' }]] as const) {
      const answer = await server.get(path, headers);
      expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none'/);
      expect(answer.headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(answer.headers['content-security-policy']).not.toContain("script-src 'unsafe");
      expect(answer.headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
      });
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
      expect(['no-referrer', 'same-origin']).toContain(answer.headers['referrer-policy']);
    }
  });

  test('other names are known where they were said, addresses where all of them are listened on', async () => {
    const open = await served(undefined, '0.0.0.0', ['Box.lan']);
    const statuses = await Promise.all(
      ['192.168.1.7:7323', 'box.lan', '[fe80::1]:7323', 'evil.example', 'box.lan.evil.example'].map(
        async (host) => (await open.get('/', { host })).status,
      ),
    );
    expect(statuses).toEqual([401, 401, 401, 403, 403]);
    await open.close();
  });
});

test('who is refused a socket and stays half open keeps the server from nothing', async () => {
  const server = await served();
  const asks = ['GET /engine HTTP/1.1', `Host: 127.0.0.1:${server.port}`, 'Connection: Upgrade', 'Upgrade: websocket'];
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.write(`${asks.join('\r\n')}\r\n\r\n`);
  const [said] = (await once(socket, 'data')) as [Buffer];
  expect(said.toString()).toMatch(/^HTTP\/1\.1 403 /);
  await server.close();
  socket.destroy();
});

test('hosts are taken apart strictly', () => {
  expect(parseHost('localhost:80')).toEqual({ name: 'localhost', port: '80' });
  expect(parseHost('[::1]:7323')).toEqual({ name: '::1', port: '7323' });
  for (const bad of [undefined, '', ':80', 'a:b', 'a:1:2', '[::1', '[zz]', '[127.0.0.1]', 'a/b', 'a.', 'user@a', 'a b', 'a:123456']) {
    expect(parseHost(bad), bad).toBeUndefined();
  }
});

test('addresses that nobody else reaches', () => {
  expect(['127.0.0.1', '127.8.8.8', '::1', 'localhost'].map(isLoopback)).toEqual([true, true, true, true]);
  expect(['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'box'].map(isLoopback)).toEqual([false, false, false, false, false]);
});
