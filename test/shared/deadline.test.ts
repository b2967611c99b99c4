import { describe, expect, test } from 'vitest';
import { withDeadline } from '../../shared/deadline.ts';

const never = new Promise<never>(() => {});

test('gives the answer that comes in time', async () => {
  expect(await withDeadline(async () => 'answer', 'too late')).toBe('answer');
});

test('gives the failure that comes in time', async () => {
  const failing = () => Promise.reject(new Error('no'));
  await expect(withDeadline(failing, 'too late')).rejects.toThrow('no');
});

describe('where no answer comes', () => {
  test('it is unavailable, and the signal says why', async () => {
    let seen: AbortSignal | undefined;
    const waiting = withDeadline(
      (signal) => {
        seen = signal;
        return never;
      },
      'too late',
      1,
    );
    const late = { name: 'Refusal', code: 'unavailable', message: 'too late' };
    await expect(waiting).rejects.toMatchObject(late);
    expect(seen?.aborted).toBe(true);
    expect(seen?.reason).toMatchObject(late);
  });

  test('what ends with the signal is no other failure', async () => {
    const obedient = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
    await expect(withDeadline(obedient, 'too late', 1)).rejects.toThrow('too late');
  });
});

test('a signal is not aborted once there was an answer', async () => {
  let seen: AbortSignal | undefined;
  await withDeadline(async (signal) => {
    seen = signal;
  }, 'too late');
  expect(seen?.aborted).toBe(false);
});
