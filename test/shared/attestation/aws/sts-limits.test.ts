import { expect, test } from 'vitest';
import { createStsLimits } from '../../../../shared/attestation/aws/sts-limits.ts';
import { NOW, refusalOfAnswer, secondsLater } from './signed-request.ts';

const answer = async () => 'answer';

test('a join token has so many calls in a minute, and another one has its own', async () => {
  const limits = createStsLimits({ perMinute: 2 });
  const at = secondsLater(12.5);
  expect(await limits.ask('a', at, answer)).toBe('answer');
  expect(await limits.ask('a', at, answer)).toBe('answer');
  await expect(limits.ask('a', at, answer)).rejects.toMatchObject({
    code: 'throttled',
    message: 'join token a was used too often in this minute',
    retryAfter: 48,
  });
  expect(await limits.ask('b', at, answer)).toBe('answer');
  expect(await limits.ask('a', secondsLater(60), answer)).toBe('answer');
});

test('what is refused does not call', async () => {
  const limits = createStsLimits({ perMinute: 0 });
  let called = false;
  const call = async () => {
    called = true;
  };
  expect(await refusalOfAnswer(limits.ask('a', NOW, call))).toMatch('throttled: ');
  expect(called).toBe(false);
});

test('a request of the minute before does not begin that minute again', async () => {
  const limits = createStsLimits({ perMinute: 1 });
  await limits.ask('a', secondsLater(60), answer);
  await expect(limits.ask('a', secondsLater(59), answer)).rejects.toThrow('too often');
  await expect(limits.ask('a', secondsLater(61), answer)).rejects.toThrow('too often');
});

test('so many calls are in flight at once, whatever the join token; ended and failed ones are not', async () => {
  const limits = createStsLimits({ inFlight: 2 });
  const first = Promise.withResolvers<string>();
  const second = Promise.withResolvers<string>();
  const one = limits.ask('a', NOW, () => first.promise);
  const two = limits.ask('b', NOW, () => second.promise);
  await expect(limits.ask('c', NOW, answer)).rejects.toMatchObject({
    code: 'throttled',
    retryAfter: 1,
  });
  first.resolve('one');
  second.reject(new Error('two'));
  expect(await one).toBe('one');
  await expect(two).rejects.toThrow('two');
  const more = [limits.ask('c', NOW, answer), limits.ask('c', NOW, answer)];
  expect(await Promise.all(more)).toEqual(['answer', 'answer']);
});

test('a call that is refused for the calls in flight does not count for its minute', async () => {
  const limits = createStsLimits({ inFlight: 1, perMinute: 1 });
  const held = Promise.withResolvers<string>();
  const one = limits.ask('a', NOW, () => held.promise);
  await expect(limits.ask('b', NOW, answer)).rejects.toThrow('under way');
  held.resolve('one');
  await one;
  expect(await limits.ask('b', NOW, answer)).toBe('answer');
});
