import { expect, test } from 'vitest';
import { once, onceForEach, onFirstUse } from '../../shared/first-use.ts';

test('it is made at the first call, for all who call meanwhile', async () => {
  let made = 0;
  const make = once(async () => {
    made += 1;
    return { made };
  });
  expect(made).toBe(0);
  const [first, second] = await Promise.all([make(), make()]);
  expect(first).toBe(second);
  expect(await make()).toBe(first);
  expect(made).toBe(1);
});

test('after a failure the next call tries again', async () => {
  let tries = 0;
  const make = once(async () => {
    tries += 1;
    if (tries === 1) throw new Error('not yet');
    return tries;
  });
  await expect(make()).rejects.toThrow('not yet');
  expect(await make()).toBe(2);
});

test('of each object something is made once, also where that is nothing', () => {
  const asked: object[] = [];
  const [one, other] = [{ answer: undefined }, { answer: {} }];
  const make = onceForEach((of: { readonly answer: object | undefined }) => {
    asked.push(of);
    return of.answer;
  });
  expect([make(one), make(other), make(one), make(other)]).toEqual([undefined, {}, undefined, {}]);
  expect(make(other)).toBe(other.answer);
  expect(asked).toEqual([one, other]);
});

test('what could not be made of an object is tried again', () => {
  let tries = 0;
  const make = onceForEach(() => {
    tries += 1;
    if (tries === 1) throw new Error('not yet');
    return tries;
  });
  const one = {};
  expect(() => make(one)).toThrow('not yet');
  expect([make(one), make(one)]).toEqual([2, 2]);
});

test('methods wait for the object that has them, and are called on it', async () => {
  const real = {
    said: 'hello',
    say(name: string): Promise<string> {
      return Promise.resolve(`${this.said} ${name}`);
    },
  };
  let opened = 0;
  const lazy = onFirstUse<Pick<typeof real, 'say'>>(
    async () => {
      opened += 1;
      return real;
    },
    { say: true },
  );
  expect(opened).toBe(0);
  expect(await lazy.say('you')).toBe('hello you');
});

test('that it can not be opened fails the call', async () => {
  const lazy = onFirstUse<{ say(): Promise<string> }>(() => Promise.reject(new Error('gone')), {
    say: true,
  });
  await expect(lazy.say()).rejects.toThrow('gone');
});
