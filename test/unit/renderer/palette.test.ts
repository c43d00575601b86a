import { desk } from './support/desk';
import { beforeEach, expect, test } from 'vitest';
import { findPictures } from '../../../src/renderer/frame/picture-source';

beforeEach(() => desk.wipe());

test('the palette finds pictures of all datasets by their path, until something else is typed', async () => {
  const found = findPictures('cat', new AbortController().signal);
  const call = await desk.asked('library.findPictures');
  expect(call.params.text).toBe('cat');
  await desk.answer(call, { pictures: [{ dataset: 'ab12', picture: 7, path: 'cats/cat-7.jpg' }], more: true });
  expect(await found).toMatchObject([{ title: 'cats/cat-7.jpg', kind: 'Pictures' }]);

  const typing = new AbortController();
  const late = findPictures('ca', typing.signal);
  const { id } = await desk.asked('library.findPictures');
  typing.abort();
  await expect(late).rejects.toMatchObject({ code: 'cancelled' });
  await expect.poll(() => desk.heard).toContainEqual({ kind: 'cancel', id });
});
