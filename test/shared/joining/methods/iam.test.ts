/** Join method `iam`: AWS says whose the request is, and a renewal is held to the same machine. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { createStsLimits } from '../../../../shared/attestation/aws/sts-limits.ts';
import { type IamParts, iamMethod } from '../../../../shared/joining/methods/iam.ts';
import type { ProvedRequest } from '../../../../shared/joining/methods/method.ts';
import { instanceIdOf, type JoinBody } from '../../../../shared/protocol/join.ts';
import type { JoinToken } from '../../../../shared/resources/join-token.ts';
import { DIGEST, NOW, smallAws } from '../../attestation/aws/signed-request.ts';
import { joinToken } from '../../resources/samples.ts';

const ACCOUNT = '111111111111';
const { cloud, credentials, role, sign } = smallAws();
const who = role.principal('i-0abcdef1234567890');
const facts = { method: 'iam', ...who } as const;
const token = (...allow: AwsRule[]): JoinToken => ({
  ...joinToken,
  spec: { roles: ['Bot'], bot_name: 'example', join_method: 'iam', allow },
});
interface AwsRule {
  readonly aws_account?: string;
  readonly aws_arn?: string;
}

interface Options extends Partial<Pick<IamParts, 'fetch' | 'resolve'>> {
  readonly first?: number;
  readonly renewals?: number;
}

function createScene(options: Options = {}) {
  const told: object[] = [];
  const { first = 10, renewals = 10, fetch = cloud.fetch, resolve } = options;
  const method = iamMethod({
    fetch,
    resolve,
    limits: createStsLimits({ perMinute: first }),
    renewalLimits: createStsLimits({ perMinute: renewals }),
    now: () => NOW,
  });
  const report = (fact: object): void => void told.push(fact);
  const examine = (iam?: object) =>
    method.examine({ iam } as JoinBody, { digest: DIGEST, at: NOW } as ProvedRequest, report);
  const prove = (kept?: object) =>
    method.prove(
      examine({ sts_request: sign() }),
      token(),
      kept && { method: 'iam', ...kept },
      report,
    );
  return { method, told, report, examine, prove };
}

test('examines the request that was signed for this join, and tells whose key signed', () => {
  const { examine, told } = createScene();
  expect(examine({ sts_request: sign() })).toMatchObject({ signedAt: NOW });
  expect(told).toEqual([{ aws_access_key_id: credentials.accessKeyId }]);
  expect(() => examine()).toThrow(
    expect.objectContaining({
      code: 'bad_request',
      field: 'iam',
      message: 'expected the evidence of join method iam',
    }),
  );
});

describe('a machine', () => {
  test('is who AWS says', async () => {
    const { prove, told } = createScene();
    expect(await prove()).toEqual(facts);
    expect(told.at(-1)).toEqual({ aws_account: ACCOUNT, aws_arn: who.arn });
  });

  test('is who a simulated AWS says, where there is one', async () => {
    const listening = await cloud.listen();
    onTestFinished(() => listening.close());
    expect(await createScene({ fetch, resolve: listening.resolve }).prove()).toEqual(facts);
  });

  test('renews itself as the one that it was', async () => {
    expect(await createScene().prove(who)).toEqual(facts);
  });

  test.each([
    ['ARN', { ...who, arn: 'arn:other' }, 'arn:other'],
    ["user id, of a role that was made anew under the other's name", { ...who, userId: 'A:i' }],
  ])('of another %s does not renew it', async (_, kept, said = who.arn) => {
    await expect(createScene().prove(kept)).rejects.toThrow(
      expect.objectContaining({
        code: 'access_denied',
        reason: 'machine_mismatch',
        message: `the instance is of ${said}, not of ${who.arn}`,
      }),
    );
  });

  test('that joins for the first time is counted apart from renewals', async () => {
    const { prove } = createScene({ first: 1 });
    await prove();
    await expect(prove()).rejects.toThrow(expect.objectContaining({ code: 'throttled' }));
    expect(await prove(who)).toEqual(facts);
    const renewals = createScene({ renewals: 0 });
    await expect(renewals.prove(who)).rejects.toThrow(
      expect.objectContaining({ code: 'throttled' }),
    );
    expect(await renewals.prove()).toEqual(facts);
  });

  test('is admitted by the rule that matches, which is told', () => {
    const { method, report, told } = createScene();
    method.decide(facts, token({ aws_account: '222222222222' }, { aws_account: ACCOUNT }), report);
    expect(told).toEqual([{ rule: 'allow[1]' }]);
  });

  test('that no rule matches is denied, with the field of each that did not', () => {
    const { method, report, told } = createScene();
    const none = token({ aws_account: '222222222222' }, { aws_arn: 'arn:*' });
    expect(() => method.decide(facts, none, report)).toThrow(
      expect.objectContaining({
        code: 'access_denied',
        reason: 'rule_mismatch',
        message: expect.stringMatching(
          /^no rule of join token example-bot admits arn:aws:\S+: \S+, \S+ did not match$/,
        ),
      }),
    );
    expect(told).toEqual([]);
  });
});

test('nothing of a request proves a machine before AWS was asked', () => {
  const { method, examine } = createScene();
  const request = examine({ sts_request: sign() });
  expect(method).toMatchObject({
    provesLocally: false,
    joinsOften: true,
    usedReason: 'request_used',
    freshSeconds: 360,
  });
  expect(method.firstInstanceId({ digest: DIGEST } as ProvedRequest)).toBe(instanceIdOf(DIGEST));
  expect(method.machineOf(request)).toBeUndefined();
  expect(method.mayBe(request, { method: 'iam' })).toBe(true);
  expect(method.mayBe(request, { method: 'azure' })).toBe(false);
  expect(method.lockTargets(facts)).toEqual({ aws_arn: who.arn });
  expect(method.hostOf(facts, 'i1')).toMatchObject({
    machine: `aws:${who.arn}`,
    incarnation: who.userId,
  });
});
