import { createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ChallengePurpose,
  challengeKeySequence,
  makeChallenge,
  verifyChallenge,
} from '../../../shared/joining/challenge.ts';
import { challengeAnswer } from '../../../shared/protocol/join.ts';
import { parseWith } from '../../../shared/protocol/schema.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const later = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);
const newKey = (sequence = 7) => ({ sequence, secret: createSecretKey(randomBytes(32)) });
const key = newKey();
const INSTANCE = '0a1b2c3d-1111-4111-8111-111111111111';

const purpose = (instanceId?: string): ChallengePurpose => ({
  token: 'example-bot',
  joinMethod: 'azure',
  instanceId,
});
const make = (instanceId?: string) => makeChallenge(purpose(instanceId), key, NOON);
const verify = (text: string, at = NOON, asked = purpose(), by = key) =>
  verifyChallenge(text, { token: asked.token, joinMethod: asked.joinMethod }, by, at);
const refusal = (reason: string) => expect.objectContaining({ code: 'access_denied', reason });

describe('a challenge', () => {
  test.each([undefined, INSTANCE])('for instance %s is good for five minutes', (instanceId) => {
    const { text, expires } = make(instanceId);
    expect(expires).toEqual(later(300));
    for (const at of [NOON, later(299)])
      expect(verify(text, at)).toEqual({
        id: expect.stringMatching(
          /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        ),
        issued: NOON,
        expires,
        instanceId,
      });
    expect(() => verify(text, later(300))).toThrow(refusal('challenge_expired'));
  });

  test('has the form of the protocol, and names its key', () => {
    const { text } = make(INSTANCE);
    const answer = { challenge: text, expires: '2026-11-20T12:05:00Z' };
    expect(parseWith(challengeAnswer, answer).ok).toBe(true);
    expect(challengeKeySequence(text)).toBe(7);
    expect(challengeKeySequence('v1.7.x')).toBeUndefined();
  });

  test('never has the id of another one', () => {
    const ids = Array.from({ length: 200 }, () => verify(make().text).id);
    expect(new Set(ids).size).toBe(200);
  });
});

describe('is refused', () => {
  test('for another join token', () => {
    const asked = { ...purpose(), token: 'example-bo' };
    expect(() => verify(make().text, NOON, asked)).toThrow(refusal('challenge_invalid'));
  });

  test('for another join method', () => {
    const asked = { ...purpose(), joinMethod: 'iam' as ChallengePurpose['joinMethod'] };
    expect(() => verify(make().text, NOON, asked)).toThrow(refusal('challenge_invalid'));
  });

  test('under another key of the same number', () => {
    expect(() => verify(make().text, NOON, purpose(), newKey())).toThrow(
      refusal('challenge_invalid'),
    );
  });

  test('where it was moved to another instance, or to none', () => {
    const other = INSTANCE.replace('0a', '0b');
    for (const text of [
      make(INSTANCE).text.replace(INSTANCE, other),
      make(INSTANCE).text.replace(INSTANCE, '-'),
      make().text.replace('.-.', `.${INSTANCE}.`),
    ])
      expect(() => verify(text)).toThrow(refusal('challenge_invalid'));
  });

  test.each<[string, (text: string) => string]>([
    ['nothing', () => ''],
    ['its beginning', (text) => text.slice(0, -1)],
    ['something behind it', (text) => `${text}A`],
    ['a line feed behind it', (text) => `${text}\n`],
    ['a space before it', (text) => ` ${text}`],
    ['no MAC', (text) => text.replace(/\.[^.]*$/, '')],
    ['another version', (text) => text.replace('v1', 'v2')],
    ['a zero before its number', (text) => text.replace('.7.', '.07.')],
    [
      'an instance in capitals',
      () => make(INSTANCE).text.replace(INSTANCE, INSTANCE.toUpperCase()),
    ],
  ])('as %s', (_, change) => {
    expect(() => verify(change(make().text))).toThrow(refusal('challenge_invalid'));
  });

  test('with any single character changed, left out or added', () => {
    const letters = fc.constantFrom(
      ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=',
    );
    const texts = [make().text, make(INSTANCE).text];
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.nat(200),
        fc.constantFrom('change', 'leave out', 'add'),
        letters,
        (text, position, how, letter) => {
          const at = position % text.length;
          const bent =
            text.slice(0, at) +
            (how === 'leave out' ? '' : letter) +
            text.slice(how === 'add' ? at : at + 1);
          fc.pre(bent !== text);
          expect(() => verify(bent)).toThrow(refusal('challenge_invalid'));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
