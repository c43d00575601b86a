import { expect, test } from 'vitest';
import { openTinyHost, TestWindow, until } from './tiny-host';

test('what the library takes is counted when somebody asks, not for those who only listen', async () => {
  const { host, window } = await openTinyHost(undefined, undefined);
  const heard: (number | null)[] = [];
  const listen = (to: TestWindow) => to.subscribe('library.status', undefined, ({ usedBytes }) => heard.push(usedBytes));
  for (let times = 1; times <= 2; times++) {
    listen(new TestWindow(host));
    await until(() => heard.length >= times);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(heard).toEqual(heard.map(() => null));
  await window.call('library.status', {});
  await until(() => heard.some((bytes) => bytes !== null && bytes > 0));
  await host.close('discard');
});
