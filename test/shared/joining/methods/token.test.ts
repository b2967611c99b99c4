/** Join method `token`: what shows a secret, and what an instance that it made. */
import { describe, expect, test } from 'vitest';
import type { ProvedRequest } from '../../../../shared/joining/methods/method.ts';
import { tokenMethod } from '../../../../shared/joining/methods/token.ts';
import type { JoinBody, JoinRequest } from '../../../../shared/protocol/join.ts';
import { instanceIdOfSecret, referenceOf } from '../../../../shared/protocol/join-secret.ts';
import type { JoinToken } from '../../../../shared/resources/join-token.ts';
import { joinToken } from '../../resources/samples.ts';

const SECRET = 'a secret';
const REFERENCE = referenceOf(SECRET);
const reference = { reference: REFERENCE, isFirst: true };
const renewal = {
  instance: { id: '0a1b2c3d-1111-4111-8111-111111111111', generation: 1, key: 'AAAA' },
  time: '2026-11-20T12:00:00Z',
};
const asked = (request: Partial<JoinRequest> = {}): ProvedRequest =>
  ({ request: { token: REFERENCE, ...request } }) as unknown as ProvedRequest;
const examine = (secret: string | undefined, request?: object) =>
  tokenMethod.examine({ secret } as JoinBody, asked(request), () => {});
const withSecret = (secret: string): JoinToken => ({
  ...joinToken,
  spec: {
    roles: ['Bot'],
    bot_name: 'example',
    join_method: 'token',
    secret_sha256: referenceOf(secret).slice('sha256:'.length),
  },
});

test('a first join shows the secret, a renewal its key and time', () => {
  expect(examine(SECRET)).toEqual(reference);
  expect(examine(undefined, renewal)).toEqual({ ...reference, isFirst: false });
  expect(tokenMethod.firstInstanceId(asked())).toBe(instanceIdOfSecret(REFERENCE));
});

describe('refuses', () => {
  test.each<[string, string | undefined, object | undefined, object]>([
    [
      'a first join without a secret',
      undefined,
      undefined,
      { field: 'secret', message: 'expected the secret of the join token' },
    ],
    ['one with another secret', 'another', undefined, { reason: 'secret_mismatch' }],
    [
      'a renewal with a secret',
      SECRET,
      renewal,
      { field: 'secret', message: 'expected none: a renewal is proved by its key' },
    ],
    [
      'one without its time',
      undefined,
      { ...renewal, time: undefined },
      { field: 'request.time', message: 'expected the time of the renewal' },
    ],
    [
      'one without its key',
      undefined,
      { ...renewal, instance: { id: 'x', generation: 1 } },
      {
        field: 'request.instance.key',
        message: 'expected the instance key: base64 of its SubjectPublicKeyInfo',
      },
    ],
  ])('%s', (_, secret, request, expected) => {
    expect(() => examine(secret, request)).toThrow(expect.objectContaining(expected));
  });

  test('a secret that is no longer that of the join token', async () => {
    const prove = (secret: string) =>
      tokenMethod.prove(reference, withSecret(secret), undefined, () => {});
    expect(await prove(SECRET)).toEqual({ method: 'token', secret: REFERENCE });
    await expect(prove('another')).rejects.toThrow(
      expect.objectContaining({
        code: 'access_denied',
        reason: 'secret_mismatch',
        message: 'the join token has another secret',
      }),
    );
  });
});

test('a renewal is of an instance that the same secret made', () => {
  const mayBe = (kept: object) => tokenMethod.mayBe(reference, { method: 'token', ...kept });
  expect(mayBe({ secret: REFERENCE })).toBe(true);
  expect(mayBe({ secret: referenceOf('another') })).toBe(false);
  expect(mayBe({ secret: REFERENCE, method: 'azure' })).toBe(false);
});

test('its key is all the proof there is, and its instance is all the machine', () => {
  expect(tokenMethod).toMatchObject({
    freshSeconds: undefined,
    usedReason: 'secret_used',
    provesLocally: true,
    joinsOften: false,
  });
  const facts = { method: 'token', secret: REFERENCE } as const;
  expect(tokenMethod.machineOf(reference)).toBeUndefined();
  expect(tokenMethod.lockTargets(facts)).toEqual({});
  expect(tokenMethod.hostOf(facts, 'i1')).toMatchObject({ machine: 'token:i1', incarnation: '' });
});

test('who shows the secret is known, and who names its hash is not', () => {
  const told = (isFirst: boolean): object[] => {
    const facts: object[] = [];
    const examined = { ...reference, isFirst };
    tokenMethod.checkCouldMatch(examined, joinToken, (fact) => facts.push(fact));
    return facts;
  };
  expect(told(true)).toEqual([{ known: true }]);
  expect(told(false)).toEqual([]);
});
