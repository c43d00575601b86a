import { existsSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PICTURE_BASE } from '../../src/engine/protocol';
import { ask, freshId, sendRaw, sendUnheard } from './support/engine-port';
import { albumWithLinksOut, climbingAddresses, forbiddenCalls, malformedCalls, rubbish, type Album } from './support/hostile';
import { endDisplay, launch, prepare, type LaunchedApp } from './support/launch';
import { openListener, type Listener } from './support/listener';
import { addDataset } from './support/small-run';

describe('a page in the window that wants more than it may', () => {
  let shell: LaunchedApp;
  let listener: Listener;
  let album: Album;
  let dataset: string;

  beforeAll(async () => {
    await prepare();
    listener = await openListener();
    album = await albumWithLinksOut();
    shell = await launch();
    dataset = await addDataset(shell.page, album.folder);
  }, 600_000);
  afterAll(async () => {
    listener?.close();
    await shell?.close();
    endDisplay();
  });

  test('finds no Node in frames, workers and prototypes', async () => {
    const found = await shell.page.evaluate(async () => {
      const names = ['require', 'process', 'module', 'Buffer', 'global', 'electron', 'ipcRenderer'];
      const inside = (where: object) => names.filter((name) => name in where);
      const frame = document.createElement('iframe');
      frame.srcdoc = '<script>parent.ranInFrame = true</script>';
      document.body.append(frame);
      const ofFrame = inside(frame.contentWindow!);
      const worker = await new Promise<string>((resolve) => {
        try {
          const source = new Blob(['postMessage(typeof require)'], { type: 'text/javascript' });
          const made = new Worker(URL.createObjectURL(source));
          made.onmessage = () => resolve('ran');
          made.onerror = () => resolve('refused');
        } catch {
          resolve('refused');
        }
      });
      const ran = 'ranInFrame' in window;
      frame.remove();
      // The preload script has a world of its own: what it runs on is not what the page can change.
      const own = Object.getOwnPropertyNames(window).filter((name) => /ibot|bridge|ipc/i.test(name) && name !== 'ibotTestPort');
      return { ofFrame, worker, ran, own };
    });
    expect(found).toEqual({ ofFrame: [], worker: 'refused', ran: false, own: [] });
  });

  test('reaches no other server, whatever it tries', async () => {
    await shell.page.evaluate(attempts, `127.0.0.1:${listener.port}`);
    expect(listener.heard).toEqual([]);
    await listener.knock();
    expect(listener.heard).toHaveLength(2);
    listener.heard.length = 0;
  });

  test('has no name looked up, which would tell whoever answers for it', async () => {
    const found = await shell.app.evaluate(({ session }) =>
      session.defaultSession.resolveHost('localhost').then(
        () => 'found',
        (error: Error) => error.message,
      ),
    );
    expect(found).toMatch(/ERR_NAME_NOT_RESOLVED/);
  });

  const statusOf = (rest: string) =>
    shell.app.evaluate(
      ({ net }, address) =>
        net.fetch(address).then(
          ({ status }) => status,
          () => 0,
        ),
      `${PICTURE_BASE.desktop}${rest}`,
    );

  test('is shown pictures of datasets by their numbers, and no file by a path', async () => {
    const { pictures } = await ask(shell.page, 'datasets.get', { dataset });
    expect(pictures).toBe(1);
    expect(await statusOf(`${dataset}/0/2048/0`)).toBe(200);
    for (const address of climbingAddresses(dataset)) expect(await statusOf(address), address).not.toBe(200);
  });

  test('is not shown where a picture leads that became a link', async () => {
    renameSync(album.own, `${album.own}.before`);
    symlinkSync(album.secret, album.own);
    expect(await statusOf(`${dataset}/0/2048/1`)).toBe(404);
    expect(await statusOf(`${dataset}/0/8192/0/partial`)).toBe(404);
    await expect(ask(shell.page, 'pictures.read', { dataset, picture: 0, size: 2048, partial: false })).rejects.toThrow('no such picture');
    expect((await ask(shell.page, 'pictures.detail', { dataset, picture: 0 })).present).toBe(false);
  });

  test('is answered that its messages are wrong, for every method, and nothing happens', async () => {
    const engine = shell.enginePid();
    const calls = malformedCalls(freshId() + 1_000_000);
    expect(calls.length).toBeGreaterThan(300);
    const answers = await sendRaw(shell.page, calls);
    const taken = calls.filter((_, i) => answers[i]!.error?.code !== 'invalid').map(({ kind: _kind, id: _id, ...call }) => JSON.stringify(call));
    expect(taken).toEqual([]);
    const forbidden = forbiddenCalls(dataset);
    const refusals = await sendRaw(shell.page, forbidden.map(({ method, params }) => ({ kind: 'call', id: freshId(), method, params })));
    forbidden.forEach(({ code, ...call }, i) => expect(refusals[i]!.error?.code, JSON.stringify(call)).toBe(code));
    await sendUnheard(shell.page, rubbish);
    expect((await ask(shell.page, 'engine.info', {})).processId).toBe(engine);
    expect(existsSync(join(shell.library, '..', 'outside'))).toBe(false);
    await shell.page.getByTestId('engine-state').filter({ hasText: 'Engine ready' }).waitFor();
  });
});

/** Everything by which a page can make its browser talk to a server; resolves when all of it was refused or is through. */
async function attempts(server: string): Promise<void> {
  const http = `http://${server}`;
  const ends: Promise<unknown>[] = [];
  const attempt = (what: () => unknown) => {
    try {
      ends.push(Promise.resolve(what()).catch(() => {}));
    } catch {
      // Refused at once.
    }
  };
  const element = (tag: string, attributes: Record<string, string>) =>
    new Promise<void>((resolve) => {
      const made = document.createElement(tag);
      made.onload = made.onerror = () => resolve();
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      document.body.append(made);
      setTimeout(resolve, 1000);
    });
  attempt(() => fetch(http, { mode: 'no-cors' }));
  attempt(() => navigator.sendBeacon(http, 'told'));
  attempt(() => {
    const request = new XMLHttpRequest();
    request.open('POST', http);
    request.send('told');
  });
  attempt(() => new WebSocket(`ws://${server}`));
  attempt(() => new EventSource(http));
  attempt(() => new Worker(`${http}/worker.js`));
  attempt(() => import(/* @vite-ignore */ `${http}/module.js`));
  attempt(() => navigator.serviceWorker.register(`${http}/worker.js`));
  attempt(() => window.open(http));
  for (const [tag, attribute] of [
    ['img', 'src'],
    ['script', 'src'],
    ['iframe', 'src'],
    ['embed', 'src'],
    ['object', 'data'],
    ['video', 'src'],
    ['audio', 'src'],
    ['track', 'src'],
  ] as const) {
    attempt(() => element(tag, { [attribute]: `${http}/${tag}` }));
  }
  for (const rel of ['stylesheet', 'prefetch', 'preload', 'modulepreload', 'preconnect', 'dns-prefetch', 'prerender', 'manifest', 'icon']) {
    attempt(() => element('link', { rel, href: `${http}/${rel}`, as: 'script' }));
  }
  attempt(() => element('div', { style: `background-image: url(${http}/background.png)` }));
  attempt(() => new FontFace('told', `url(${http}/font.woff2)`).load());
  attempt(() => {
    const link = Object.assign(document.createElement('a'), { href: '#/home', ping: `${http}/ping` });
    document.body.append(link);
    link.click();
  });
  attempt(() => {
    const form = Object.assign(document.createElement('form'), { action: http, method: 'post', target: '_blank' });
    document.body.append(form);
    form.submit();
  });
  for (const url of [`stun:${server}`, `turn:${server}?transport=udp`, `turn:${server}?transport=tcp`]) {
    attempt(async () => {
      const connection = new RTCPeerConnection({ iceServers: [{ urls: url, username: 'told', credential: 'told' }] });
      connection.createDataChannel('told');
      await connection.setLocalDescription();
      await new Promise<void>((resolve) => {
        connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve();
        setTimeout(resolve, 2000);
      });
      connection.close();
    });
  }
  await Promise.all(ends);
}
