/** Conformance: join method `iam`: whoever AWS says signed a request that was made for this join (rows I1 and I2). */
import { createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createAwsCloud } from '../../local/aws/cloud.ts';
import type { DenialReason } from '../../shared/protocol/denial-reason.ts';
import { regionalSts, STS_ENDPOINTS } from '../../shared/protocol/sts.ts';
import { joinFromAws } from '../broker/aws-joiner.ts';
import { botExample } from '../broker/fixtures.ts';
import { joined, newKey } from '../broker/joiner.ts';
import { createClock, createTestBroker } from '../broker/test-broker.ts';

const ACCOUNT = '111111111111';
const ROLE = 'teleport-bot-role';
const INSTANCE = 'i-0abcdef1234567890';
const ARN = `arn:aws:sts::${ACCOUNT}:assumed-role/${ROLE}/${INSTANCE}`;

const iamToken = (allow: readonly object[], spec: object = {}): object => ({
  kind: 'token',
  version: 'v2',
  metadata: { name: 'iam-token', expires: '3000-01-01T00:00:00Z' },
  spec: { roles: ['Bot'], join_method: 'iam', bot_name: 'example', allow, ...spec },
});

/** A broker with the guide's join token, and a machine of its account. */
async function awsScene(allow: readonly object[] = [{ aws_account: ACCOUNT }], spec: object = {}) {
  const clock = createClock();
  const aws = createAwsCloud({ now: clock.now });
  const api = createTestBroker({ aws, clock });
  await api.put(botExample());
  await api.put(iamToken(allow, spec));
  const account = aws.account(ACCOUNT);
  return { api, aws, account, credentials: account.role(ROLE).session(INSTANCE) };
}

describe('I1 admits a machine', () => {
  test.each<[string, object]>([
    ['whose account matches', { aws_account: ACCOUNT }],
    ['whose ARN matches', { aws_arn: ARN }],
    ["by the guide's rule", { aws_account: ACCOUNT, aws_arn: ARN.replace(INSTANCE, 'i-*') }],
    ['by question marks', { aws_account: ACCOUNT, aws_arn: ARN.replace('i-0', 'i-?') }],
  ])('%s', async (_, rule) => {
    const { api, credentials } = await awsScene([rule]);
    const attempt = await joinFromAws(api, credentials);
    expect(joined(attempt)).toMatchObject({ bot: 'example', generation: 1 });
    expect(api.audit.at(-1)).toMatchObject({
      join_method: 'iam',
      aws_account: ACCOUNT,
      aws_arn: ARN,
    });
  });

  test('by the second of several rules', async () => {
    const { api, credentials } = await awsScene([
      { aws_account: '222222222222' },
      { aws_account: ACCOUNT },
    ]);
    expect(await joinFromAws(api, credentials)).toBeAdmitted();
  });

  test.each([
    'sts.amazonaws.com',
    'sts.eu-central-1.amazonaws.com',
    'sts-fips.us-east-1.amazonaws.com',
  ])('through %s', async (host) => {
    const { api, credentials } = await awsScene();
    const endpoint = STS_ENDPOINTS.get(host);
    if (!endpoint) throw new Error('no such host');
    expect(await joinFromAws(api, credentials, { endpoint })).toBeAdmitted();
  });

  test('of China, by its own STS', async () => {
    const arn = `arn:aws-cn:sts::333333333333:assumed-role/${ROLE}/i-*`;
    const { api, aws } = await awsScene([{ aws_account: '333333333333', aws_arn: arn }]);
    const credentials = aws.account('333333333333', 'aws-cn').role(ROLE).session(INSTANCE);
    const endpoint = regionalSts('cn-north-1');
    if (!endpoint) throw new Error('no such region');
    expect(await joinFromAws(api, credentials, { endpoint })).toBeAdmitted();
  });

  test('again at its renewal, as the same instance', async () => {
    const { api, credentials } = await awsScene();
    const first = await joinFromAws(api, credentials);
    const second = await joinFromAws(api, credentials, { renews: first });
    expect(joined(second)).toMatchObject({
      instance_id: joined(first).instance_id,
      generation: 2,
    });
  });

  test('with the very same request again, as long as it is fresh', async () => {
    const { api, credentials } = await awsScene();
    const first = await joinFromAws(api, credentials);
    api.clock.advance(300);
    const again = await api.request('POST', '/v1/join', { body: first.sent });
    expect(joined(again)).toMatchObject({ instance_id: joined(first).instance_id, generation: 1 });
    api.clock.advance(1);
    expect(await api.request('POST', '/v1/join', { body: first.sent })).toBeDenied(
      api,
      'sts_request_times',
    );
  });

  test('as a host, under the names of its join token', async () => {
    const spec = { roles: ['Node'], bot_name: undefined, host_names: ['db.{{cluster}}'] };
    const { api, credentials, account } = await awsScene([{ aws_account: ACCOUNT }], spec);
    const node = { request: { role: 'Node' }, wish: { type: 'host' } };
    const first = await joinFromAws(api, credentials, node);
    expect(joined(first).certificates[0]?.names).toEqual(['db.test.example.org']);
    const other = account.role(ROLE).session('i-0fedcba9876543210');
    expect(await joinFromAws(api, other, node)).toBeDenied(api, 'host_name_taken');
  });
});

describe('I2 denies a machine', () => {
  test.each<[string, object]>([
    ['of another account', { aws_account: '222222222222' }],
    ['of another role', { aws_arn: ARN.replace(ROLE, 'other-role') }],
    ['by three question marks against four characters', { aws_arn: ARN.replace(/.{4}$/, '???') }],
    ['whose ARN only begins like the rule', { aws_arn: ARN.slice(0, -1) }],
    ['whose role only begins like the rule', { aws_arn: ARN.replace(ROLE, 'teleport-bot') }],
  ])('%s', async (_, rule) => {
    const { api, credentials } = await awsScene([rule]);
    expect(await joinFromAws(api, credentials)).toBeDenied(api, 'rule_mismatch');
    expect(await api.tables.instances.list({})).toEqual([]);
  });

  test("of another partition that has the rule's account number", async () => {
    const { api, aws } = await awsScene([{ aws_account: '333333333333' }]);
    const credentials = aws.account('333333333333', 'aws-cn').role(ROLE).session(INSTANCE);
    const endpoint = regionalSts('cn-north-1');
    if (!endpoint) throw new Error('no such region');
    expect(await joinFromAws(api, credentials, { endpoint })).toBeDenied(api, 'rule_mismatch');
  });

  const SIGNED: readonly [string, (text: string) => string, DenialReason][] = [
    [
      'for a host that is no STS',
      (text) => text.replace('sts.amazonaws.com', 'sts.amazonaws.com.evil.example'),
      'sts_request_host',
    ],
    ['with another method', (text) => text.replace('POST /', 'GET /'), 'sts_request_malformed'],
    ['with a path', (text) => text.replace('POST / ', 'POST /a '), 'sts_request_malformed'],
    ['with a query', (text) => text.replace('POST / ', 'POST /?a=b '), 'sts_request_malformed'],
    [
      'for another call',
      (text) => text.replace('Action=GetCallerIdentity', 'Action=GetSessionToken'),
      'sts_request_malformed',
    ],
    ['with more behind the call', (text) => `${text}&RoleArn=a`, 'sts_request_malformed'],
    [
      'with a header that is not signed',
      (text) => text.replace('\r\n\r\n', '\r\nx-evil: 1\r\n\r\n'),
      'sts_request_malformed',
    ],
  ];
  test.each(SIGNED)('whose request is signed %s', async (_, bent, reason) => {
    const { api, credentials, aws } = await awsScene();
    expect(await joinFromAws(api, credentials, { bent })).toBeDenied(api, reason);
    expect(aws.calls.all).toEqual([]);
  });

  test('whose digest is of another request', async () => {
    const { api, credentials, aws } = await awsScene();
    const digest = (): string => 'ab'.repeat(32);
    expect(await joinFromAws(api, credentials, { digest })).toBeDenied(
      api,
      'sts_request_not_bound',
    );
    expect(aws.calls.all).toEqual([]);
  });

  test('whose signed request was captured, and is sent with other keys', async () => {
    const { api, credentials } = await awsScene();
    const victim = await joinFromAws(api, credentials);
    const thief = await joinFromAws(api, credentials);
    const { iam } = victim.sent as { iam: object };
    const body = { ...(thief.sent as object), iam };
    expect(await api.request('POST', '/v1/join', { body })).toBeDenied(
      api,
      'sts_request_not_bound',
    );
  });

  test.each([
    ['more than five minutes ago', -301],
    ['more than a minute ahead', 61],
  ])('that signed %s', async (_, seconds) => {
    const { api, credentials, aws } = await awsScene();
    const signedAt = new Date(api.clock.now().getTime() + seconds * 1000);
    expect(await joinFromAws(api, credentials, { signedAt })).toBeDenied(api, 'sts_request_times');
    expect(aws.calls.all).toEqual([]);
  });

  test('whose signature is not by its key: STS says so', async () => {
    const { api, credentials } = await awsScene();
    const wrong = { ...credentials, secretAccessKey: 'x'.repeat(40) };
    expect(await joinFromAws(api, wrong)).toBeDenied(api, 'sts_denied');
  });

  test('whose instance is of another machine', async () => {
    const { api, credentials, account } = await awsScene();
    const first = await joinFromAws(api, credentials);
    const other = account.role(ROLE).session('i-0fedcba9876543210');
    expect(await joinFromAws(api, other, { renews: first })).toBeDenied(api, 'machine_mismatch');
  });

  test('that has only an old key of an instance: nobody is locked by it', async () => {
    const { api, credentials } = await awsScene();
    const first = await joinFromAws(api, credentials);
    api.clock.advance(1200);
    const second = await joinFromAws(api, credentials, { renews: first });
    api.clock.advance(1200);
    const { instance_id: id, generation } = joined(first);
    const key = createPublicKey(first.key).export({ format: 'der', type: 'spki' });
    const attempt = await joinFromAws(
      api,
      { ...credentials, secretAccessKey: 'x'.repeat(40) },
      {
        renews: first,
        request: {
          time: '2026-11-20T12:40:00Z',
          instance: { id, generation, key: key.toString('base64') },
        },
      },
    );
    expect(attempt).toBeProblem('instance_unknown');
    expect(await joinFromAws(api, credentials, { renews: second })).toBeAdmitted();
  });

  test('that a lock is on', async () => {
    const { api, credentials, account } = await awsScene();
    const spec = { target: { aws_arn: ARN } };
    await api.put({ kind: 'lock', version: 'v2', metadata: { name: 'stop' }, spec });
    expect(await joinFromAws(api, credentials)).toBeDenied(api, 'locked');
    const other = account.role(ROLE).session('i-0fedcba9876543210');
    expect(await joinFromAws(api, other)).toBeAdmitted();
  });

  test.each<[string, object]>([
    ['a rule without an account', { aws_arn: 'arn:aws:sts::*:assumed-role/a/i-*' }],
    ['an empty rule', {}],
    ['an account that is no number', { aws_account: 'abc' }],
    ['an ARN that is none', { aws_arn: 'teleport-bot-role' }],
    ['an unknown field', { aws_account: ACCOUNT, aws_region: 'us-east-1' }],
  ])('by %s: it is refused when it is created', async (_, rule) => {
    await expect(awsScene([rule])).rejects.toThrow('bad_request');
  });
});

describe('STS', () => {
  test.each<[string, number]>([
    ['throttles', 429],
    ['is down', 503],
  ])('that %s: 503, and the next try works', async (_, status) => {
    const { api, credentials, aws } = await awsScene();
    aws.faults.set({ status });
    expect(await joinFromAws(api, credentials)).toBeProblem('unavailable');
    aws.faults.clear();
    expect(await joinFromAws(api, credentials)).toBeAdmitted();
  });

  test('that says it is another account is believed, and the rule denies', async () => {
    const { api, aws } = await awsScene();
    const stranger = aws.account('222222222222').role(ROLE).session(INSTANCE);
    expect(await joinFromAws(api, stranger)).toBeDenied(api, 'rule_mismatch');
  });

  test('is not asked for a join token that does not exist, or is of another method', async () => {
    const { api, credentials, aws } = await awsScene();
    expect(await joinFromAws(api, credentials, { token: 'nobody' })).toBeDenied(
      api,
      'join_token_not_found',
    );
    expect(aws.calls.all).toEqual([]);
  });

  test('is asked at most 600 times a minute for a join token, whatever strangers send', async () => {
    const { api, aws, credentials } = await awsScene();
    const wrong = { ...credentials, secretAccessKey: 'x'.repeat(40) };
    const key = (await joinFromAws(api, wrong)).key;
    for (let i = 1; i < 600; i += 1) await joinFromAws(api, wrong, { key });
    expect(aws.calls.all).toHaveLength(600);
    const more = await joinFromAws(api, credentials);
    expect(more).toBeProblem('throttled');
    expect(Number(more.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(aws.calls.all).toHaveLength(600);
    api.clock.advance(60);
    expect(await joinFromAws(api, credentials)).toBeAdmitted();
  });
});

test('S3 a stranger who knows the name of a join token makes STS be asked so often, and no honest machine waits for it', async () => {
  const { api, aws, credentials } = await awsScene();
  const wrong = { ...credentials, secretAccessKey: 'x'.repeat(40) };
  const from = '203.0.113.7:1';
  const first = await joinFromAws(api, wrong, { from });
  expect(first).toBeDenied(api, 'sts_denied');
  for (let i = 1; i < 60; i += 1) await joinFromAws(api, wrong, { from, key: first.key });
  const asked = aws.calls.count('sts');
  expect(await joinFromAws(api, wrong, { from })).toBeProblem('throttled');
  expect(aws.calls.count('sts')).toBe(asked);
  expect(await joinFromAws(api, credentials, { from: '203.0.113.8:1' })).toBeAdmitted();
});

test('S3 an instance that a stranger only names is looked up so often', async () => {
  const { api, credentials } = await awsScene();
  const instance = await joinFromAws(api, credentials);
  const from = '203.0.113.7:1';
  const named = { renews: { ...instance, key: newKey() }, from, key: instance.key };
  for (let i = 0; i < 60; i += 1)
    expect(await joinFromAws(api, credentials, named)).toBeProblem('instance_unknown');
  expect(await joinFromAws(api, credentials, named)).toBeProblem('throttled');
  expect(await joinFromAws(api, credentials, { renews: instance })).toBeAdmitted();
});

test('strangers who use up the calls to STS keep new machines out for a minute, and renewals never', async () => {
  const { api, credentials } = await awsScene();
  const first = await joinFromAws(api, credentials);
  const wrong = { ...credentials, secretAccessKey: 'x'.repeat(40) };
  for (let i = 1; i < 600; i += 1) await joinFromAws(api, wrong, { key: first.key });
  expect(await joinFromAws(api, credentials)).toBeProblem('throttled');
  expect(await joinFromAws(api, credentials, { renews: first })).toBeAdmitted();
});

test('the secret key, the session token and the signature are in no line of the log and no row', async () => {
  const { api, credentials } = await awsScene();
  await joinFromAws(api, credentials);
  await api.broker.flush();
  const rows = await Promise.all(Object.values(api.tables).map((table) => table.list({})));
  const told = JSON.stringify([rows, api.audit]);
  expect(told).toContain(credentials.accessKeyId);
  expect(told).not.toContain(credentials.secretAccessKey);
  expect(told).not.toContain(credentials.sessionToken);
  expect(told).not.toContain('Signature=');
});
