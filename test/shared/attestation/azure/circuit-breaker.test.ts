import { describe, expect, test } from 'vitest';
import { createCircuitBreaker } from '../../../../shared/attestation/azure/circuit-breaker.ts';
import { denied, unavailable } from '../../../../shared/refusal.ts';
import { createClock } from '../../../broker/test-broker.ts';

function createScene() {
  const clock = createClock();
  const breaker = createCircuitBreaker(clock.now, ({ message }) => message !== 'of one thing');
  const asked = { count: 0 };
  const answer = (outcome: unknown) => async () => {
    asked.count += 1;
    if (outcome instanceof Error) throw outcome;
    return outcome;
  };
  const run = (outcome: unknown, key = 'a') =>
    breaker.run(key, answer(outcome)).catch((error: unknown) => error);
  return { clock, breaker, asked, run };
}

describe('after a failure', () => {
  test('nobody is asked for as long as it said, and callers are told what is left of it', async () => {
    const { clock, asked, run } = createScene();
    await run(unavailable('down', 60));
    clock.advance(59.5);
    expect(await run('answer')).toMatchObject({
      code: 'unavailable',
      message: 'down',
      retryAfter: 1,
    });
    expect(asked.count).toBe(1);
    clock.advance(0.5);
    expect(await run('answer')).toBe('answer');
  });

  test('other keys are asked', async () => {
    const { run } = createScene();
    await run(unavailable('down', 60));
    expect(await run('answer', 'b')).toBe('answer');
  });

  test('one try goes through at a time', async () => {
    const { clock, breaker, asked, run } = createScene();
    await run(unavailable('down', 60));
    clock.advance(60);
    let settle = (_: string): void => {};
    const trial = breaker.run('a', () => new Promise<string>((resolve) => (settle = resolve)));
    expect(await run('answer')).toMatchObject({ code: 'unavailable', retryAfter: 1 });
    expect(asked.count).toBe(1);
    settle('answer');
    expect(await trial).toBe('answer');
    expect(await run('more')).toBe('more');
  });

  test('a try that fails begins it anew', async () => {
    const { clock, run } = createScene();
    await run(unavailable('down', 60));
    clock.advance(60);
    await run(unavailable('still down', 10));
    expect(await run('answer')).toMatchObject({ message: 'still down', retryAfter: 10 });
    clock.advance(10);
    expect(await run('answer')).toBe('answer');
  });

  test.each([
    ['a denial', denied('machine_not_found', 'no')],
    ['a failure of one thing only', unavailable('of one thing', 60)],
    ['a mistake of ours', new Error('no')],
  ])('a try that ends with %s is an answer', async (_, outcome) => {
    const { clock, run } = createScene();
    await run(unavailable('down', 60));
    clock.advance(60);
    expect(await run(outcome)).toBe(outcome);
    expect(await run('answer')).toBe('answer');
  });
});

test('answers, and failures that do not count, leave nothing behind', async () => {
  const { asked, run } = createScene();
  for (const outcome of ['answer', undefined, denied('locked', 'no'), unavailable('of one thing')])
    expect(await run(outcome)).toBe(outcome);
  expect(asked.count).toBe(4);
});
