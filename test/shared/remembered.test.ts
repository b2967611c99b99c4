import { describe, expect, test } from 'vitest';
import { keepLatest, remembered } from '../../shared/remembered.ts';

const keptOf = (...keys: readonly string[]): readonly string[] => {
  const known = new Map<string, number>();
  for (const [i, key] of keys.entries()) keepLatest(known, key, i, 3);
  return [...known].map(([key, value]) => `${key}${value}`);
};

test('of what is put into a map of three, the latest three stay', () => {
  expect(keptOf('a', 'b', 'c')).toEqual(['a0', 'b1', 'c2']);
  expect(keptOf('a', 'b', 'c', 'd', 'e')).toEqual(['c2', 'd3', 'e4']);
});

test('what is put there again is the latest, and drives out nothing', () => {
  expect(keptOf('a', 'b', 'c', 'a')).toEqual(['b1', 'c2', 'a3']);
  expect(keptOf('a', 'b', 'c', 'b')).toEqual(['a0', 'c2', 'b3']);
});

describe('an answer', () => {
  function scene() {
    let now = 1_000_000;
    const asked: string[] = [];
    const held: PromiseWithResolvers<string>[] = [];
    let answers = async (about: string): Promise<string> => `${about} ${asked.length}`;
    const ask = remembered(
      5,
      () => new Date(now),
      (about: string) => {
        asked.push(about);
        return answers(about);
      },
    );
    return {
      asked,
      ask,
      held,
      setTime: (milliseconds: number) => {
        now = 1_000_000 + milliseconds;
      },
      /** From now on each waits until it is told what to answer. */
      hold: () => {
        answers = () => {
          const one = Promise.withResolvers<string>();
          held.push(one);
          return one.promise;
        };
      },
    };
  }

  test('is remembered for its seconds, and no longer', async () => {
    const { ask, setTime } = scene();
    expect(await ask('a')).toBe('a 1');
    setTime(4999);
    expect(await ask('a')).toBe('a 1');
    setTime(5000);
    expect(await ask('a')).toBe('a 2');
    setTime(9999);
    expect(await ask('a')).toBe('a 2');
  });

  test('is remembered until something else is asked', async () => {
    const { ask, asked } = scene();
    for (const about of ['a', 'a', 'b', 'b', 'a']) await ask(about);
    expect(asked).toEqual(['a', 'b', 'a']);
  });

  test('is waited for by all who ask meanwhile', async () => {
    const { ask, asked, held, hold } = scene();
    hold();
    const both = [ask('a'), ask('a')];
    held[0]?.resolve('one');
    expect(await Promise.all(both)).toEqual(['one', 'one']);
    expect(asked).toHaveLength(1);
  });

  test('that fails is not remembered, and takes no other one with it', async () => {
    const { ask, asked, held, hold } = scene();
    hold();
    const [first, second] = [ask('a'), ask('b')];
    held[0]?.reject(new Error('down'));
    await expect(first).rejects.toThrow('down');
    held[1]?.resolve('two');
    expect(await Promise.all([second, ask('b')])).toEqual(['two', 'two']);
    expect(asked).toEqual(['a', 'b']);
    const third = ask('c');
    held[2]?.reject(new Error('down'));
    await expect(third).rejects.toThrow('down');
    const fourth = ask('c');
    held[3]?.resolve('four');
    expect(await fourth).toBe('four');
  });
});
