import { describe, expect, test } from 'vitest';
import { lockOn } from '../../../shared/resources/lock.ts';
import { parseResource } from '../../../shared/resources/resource.ts';
import { refusalOf } from './refused.ts';
import { lock } from './samples.ts';

const GUID = 'abcdef00-1111-4111-8111-111111111111';
const NOON = new Date('2026-11-20T12:00:00Z');

describe('is accepted with', () => {
  test.each<[string, object]>([
    ['a bot', { bot: 'example' }],
    ['an instance', { instance: GUID }],
    ['a join token', { join_token: 'example-bot' }],
    ['a machine', { machine: GUID }],
  ])('%s as target', (_, target) => {
    expect(refusalOf(lock(), { spec: { target } })).toBe('accepted');
  });

  test('a message and an end', () => {
    const full = lock({
      message: 'Left on a train – see ticket 5.',
      expires: '2026-11-21T00:00:00Z',
    });
    expect(parseResource(full)).toEqual({ ok: true, value: full });
  });

  test('a vmId in any case: it is kept in lower case', () => {
    const target = { machine: GUID.toUpperCase() };
    expect(parseResource(lock({ target }))).toMatchObject({
      value: { spec: { target: { machine: GUID } } },
    });
  });
});

describe('is refused with', () => {
  const ONE =
    'spec.target: expected exactly one of bot, instance, join_token, machine, identity, aws_arn';
  test.each<[string, object, string]>([
    ['no target', { target: {} }, ONE],
    ['two targets', { target: { bot: 'a', join_token: 'b' } }, ONE],
    [
      'an unknown target',
      { target: { user: 'a' } },
      'spec.target.user: unknown field; there are bot, instance, join_token, machine, identity, aws_arn',
    ],
    [
      'a bad name',
      { target: { bot: 'a b' } },
      'spec.target.bot: expected 1 to 63 letters, digits, dots, dashes or underscores',
    ],
    [
      'a machine that is no GUID',
      { target: { machine: 'vm1' } },
      'spec.target.machine: expected a GUID',
    ],
    [
      'a control character in its message',
      { target: { bot: 'a' }, message: 'a\x1b[2J' },
      'spec.message: expected text without control characters',
    ],
    [
      'a message of 501 characters',
      { target: { bot: 'a' }, message: 'a'.repeat(501) },
      'spec.message: expected at most 500 characters',
    ],
    [
      'a bad end',
      { target: { bot: 'a' }, expires: 'never' },
      'spec.expires: expected a time in UTC such as 2026-11-20T19:05:00Z',
    ],
  ])('%s', (_, spec, expected) => {
    expect(refusalOf(lock(), { spec })).toBe(expected);
  });
});

describe('is in force', () => {
  const subject = {
    bot: 'example',
    instance: GUID,
    join_token: 'example-bot',
    machine: '22222222-2222-4222-8222-222222222222',
  };

  test.each([
    { bot: subject.bot },
    { instance: subject.instance },
    { join_token: subject.join_token },
    { machine: subject.machine },
  ])('on %j', (target) => {
    const found = lock({ target });
    expect(lockOn(subject, [lock({ target: { bot: 'other' } }), found], NOON)).toBe(found);
  });

  test.each([
    { bot: 'example-bot' },
    { bot: 'exampl' },
    { join_token: 'example' },
    { instance: subject.machine },
    { machine: subject.instance },
  ])('not on %j', (target) => {
    expect(lockOn(subject, [lock({ target })], NOON)).toBeUndefined();
  });

  test('until the very second at which it ends, by either of its two ends', () => {
    const at = (time: string) => new Date(`2026-11-20T${time}Z`);
    const bySpec = lock({ expires: '2026-11-20T12:00:00Z' });
    const byMetadata = { ...lock(), metadata: { name: 'a', expires: '2026-11-20T12:00:00Z' } };
    for (const one of [bySpec, byMetadata]) {
      expect(lockOn(subject, [one], at('11:59:59.999'))).toBe(one);
      expect(lockOn(subject, [one], at('12:00:00'))).toBeUndefined();
    }
  });

  test('while another one on the same thing is over', () => {
    const over = lock({ expires: '2026-11-20T11:00:00Z' });
    const lasting = lock();
    expect(lockOn(subject, [over, lasting], NOON)).toBe(lasting);
    expect(lockOn(subject, [], NOON)).toBeUndefined();
  });
});
