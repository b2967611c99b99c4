/** What a person is told to do, and only where nothing changes until a person acts. */
import { describe, expect, test } from 'vitest';
import { Failure } from '../../../agent/failure.ts';
import type { Instance } from '../../../agent/instance-state.ts';
import { withAdvice } from '../../../agent/token/advice.ts';

type FailureCode = Failure['code'];
const NOON = new Date('2026-11-20T12:00:00Z');
const until = (expires: Date) => ({ expires }) as Instance;
const GOOD = until(new Date(NOON.getTime() + 1));
const OVER = until(NOON);
const SECRET =
  'a new secret from "joinctl bots add" or "joinctl tokens add", given to this agent in place of the old one';

describe('adds', () => {
  test.each<[string, FailureCode, Instance | undefined, string]>([
    [
      'to a first join that is denied, that the secret may be at fault',
      'denied',
      undefined,
      `. A secret that was used, has expired or is mistyped is replaced by ${SECRET}`,
    ],
    [
      'to a renewal that is denied, that the directory may be a copy',
      'denied',
      GOOD,
      `. If it says copied or locked: this directory was used in two places, or the disk was set back to an older state, and the machine needs ${SECRET}`,
    ],
    [
      'to an instance whose certificates are over, since when',
      'instance_unknown',
      OVER,
      `: its certificates were over at 2026-11-20T12:00:00Z while this machine was off, and without them it needs ${SECRET}`,
    ],
    [
      'to one that the broker does not know, that it may be an older one',
      'instance_unknown',
      GOOD,
      `: what is kept here is older than what the broker knows, or the instance was removed; if this lasts, the machine needs ${SECRET}`,
    ],
  ])('%s', (_, code, instance, advice) => {
    const cause = new Failure(code, 'no');
    expect(withAdvice(cause, instance, NOON)).toMatchObject({
      code,
      message: `no${advice}`,
      retryAfterMs: 300_000,
      cause,
    });
  });
});

test.each<[FailureCode, Instance | undefined]>([
  ['instance_unknown', undefined],
  ['broker_unreachable', GOOD],
  ['broker_refused', undefined],
])('leaves %s as it is, whose instance is %j', (code, instance) => {
  const failure = new Failure(code, 'no', { retryAfterMs: 1 });
  expect(withAdvice(failure, instance, NOON)).toBe(failure);
});
