import { expect, test } from 'vitest';
import { doEach } from '../../shared/do-each.ts';

function createScene() {
  const begun: string[] = [];
  const work = (name: string, failure?: Error) => async () => {
    begun.push(name);
    if (failure) throw failure;
    return name;
  };
  return { begun, work };
}

test('gives what each gives, in their order', async () => {
  const { work } = createScene();
  expect(await doEach([work('a'), work('b')])).toEqual(['a', 'b']);
});

test('does what comes after a failure, and throws that failure', async () => {
  const { begun, work } = createScene();
  const failure = new Error('no');
  await expect(doEach([work('a'), work('b', failure), work('c')])).rejects.toBe(failure);
  expect(begun).toEqual(['a', 'b', 'c']);
});

test('tells of every failure', async () => {
  const { work } = createScene();
  const all = doEach([work('a', new Error('one')), work('b', new TypeError('two'))]);
  await expect(all).rejects.toThrow('Error: one; TypeError: two');
});
