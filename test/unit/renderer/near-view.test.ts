/** What is known of pictures in view: asked for once, one question at a time, and always where one is by now. */
import { expect, test } from 'vitest';
import { NearView, type Answer } from '../../../src/renderer/views/data/near-view.svelte';

const ids = Uint32Array.from({ length: 10_000 }, (_, i) => i);

/** Answers each question with the double of each picture, when it is told to. */
function asked() {
  const questions: { ids: Uint32Array; answer(revision?: number): Promise<void> }[] = [];
  const near = new NearView<number>(
    (wanted) =>
      new Promise<Answer<number>>((resolve) => {
        const answer = async (revision = near.revision) => {
          resolve({ ids: wanted, values: [...wanted].map((id) => 2 * id), revision });
          await new Promise(setImmediate);
        };
        questions.push({ ids: wanted, answer });
      }),
  );
  near.revision = 1;
  return { near, questions };
}

test('one question is open at a time, whatever is wanted meanwhile, and the next one is for where one is by then', async () => {
  const { near, questions } = asked();
  near.want(ids, 0, 100);
  near.want(ids, 3000, 3100);
  near.want(ids, 6000, 6100);
  expect(questions).toHaveLength(1);
  await questions[0]!.answer();
  expect(questions).toHaveLength(2);
  expect(questions[1]!.ids).toContain(6000);
  near.want(ids, 9000, 9100);
  expect(questions).toHaveLength(2);
  await questions[1]!.answer();
  expect(questions).toHaveLength(3);
  await questions[2]!.answer();
  expect(questions).toHaveLength(3);
  expect([0, 6000, 9000, 3000].map((id) => near.get(id))).toEqual([0, 12_000, 18_000, undefined]);
});

test('what is known of another revision is shown until it has been asked for again', async () => {
  const { near, questions } = asked();
  near.want(ids, 0, 100);
  await questions[0]!.answer();
  near.want(ids, 0, 100);
  expect(questions).toHaveLength(1);
  near.revision = 2;
  near.want(ids, 0, 100);
  expect(near.get(7)).toBe(14);
  expect(questions).toHaveLength(2);
});

test('an engine that is ahead is not asked again and again', async () => {
  const { near, questions } = asked();
  near.want(ids, 0, 100);
  await questions[0]!.answer(5);
  expect(questions).toHaveLength(1);
  near.revision = 5;
  near.want(ids, 0, 100);
  expect(questions).toHaveLength(1);
});
