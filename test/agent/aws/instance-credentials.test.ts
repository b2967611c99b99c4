/** What EC2's metadata service says is believed in one form only, whatever answers in its place. */
import { describe, expect, test } from 'vitest';
import type { Environment } from '../../../agent/aws/credentials.ts';
import { instanceCredentials } from '../../../agent/aws/instance-credentials.ts';
import { type HttpRequest, NoAnswer } from '../../../agent/http.ts';
import { createAwsRig } from './rig.ts';

type Told = readonly [status: number, text: string];
const ROLES = '/latest/meta-data/iam/security-credentials/';
const REGION = '/latest/meta-data/placement/region';
const RIGHT = {
  Code: 'Success',
  AccessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  SecretAccessKey: 'x'.repeat(40),
  Token: 'y'.repeat(40),
  Expiration: '2026-11-20T20:05:00Z',
};

/** The service, with these answers in place of its own. */
function setUp(changes: Readonly<Record<string, Told>> = {}, env: Environment = {}) {
  const answers: Readonly<Record<string, Told>> = {
    '/latest/api/token': [200, 'session'],
    [ROLES]: [200, 'bot-role\n'],
    [`${ROLES}bot-role`]: [200, JSON.stringify(RIGHT)],
    [REGION]: [200, 'eu-west-1\n'],
    ...changes,
  };
  const asked: HttpRequest[] = [];
  const imds = async (request: HttpRequest) => {
    asked.push(request);
    const told = answers[request.url.replace('http://169.254.169.254', '')];
    if (!told) throw new NoAnswer('the connection was refused');
    const [status, text] = told;
    return { status, header: () => undefined, body: Buffer.from(text) };
  };
  const { effects } = createAwsRig();
  return {
    find: (region?: string) => instanceCredentials({ ...effects, imds }, env, region),
    asked,
  };
}

const roleOf = (role: string, status = 200) => setUp({ [ROLES]: [status, role] }).find();

test('a session is opened, and each question is asked in it', async () => {
  const { find, asked } = setUp();
  expect(await find()).toMatchObject({
    credentials: { accessKeyId: RIGHT.AccessKeyId, sessionToken: RIGHT.Token },
    region: 'eu-west-1',
  });
  const session = { 'x-aws-ec2-metadata-token': 'session' };
  expect(asked.map(({ method, url, headers }) => [method, new URL(url).pathname, headers])).toEqual(
    [
      ['PUT', '/latest/api/token', { 'x-aws-ec2-metadata-token-ttl-seconds': '60' }],
      ['GET', ROLES, session],
      ['GET', `${ROLES}bot-role`, session],
      ['GET', REGION, session],
    ],
  );
});

test('the region of the environment is not asked for', async () => {
  const { find, asked } = setUp();
  expect((await find('us-east-1')).region).toBe('us-east-1');
  expect(asked).toHaveLength(3);
});

describe('no session is', () => {
  test.each(['', 'a b', 'a\r\nb: c', 'é', 'x'.repeat(257)])('%j', async (token) => {
    await expect(setUp({ '/latest/api/token': [200, token] }).find()).rejects.toMatchObject({
      code: 'metadata',
      message: expect.stringContaining("is not EC2's metadata service, version 2 (status 200)"),
    });
  });

  test('what comes with another status', async () => {
    const answer = setUp({ '/latest/api/token': [404, 'session'] }).find();
    await expect(answer).rejects.toThrow('version 2 (status 404)');
  });
});

describe('the role is', () => {
  test.each(['a', `A_z+=,.@-${'0'.repeat(55)}`])('%s', async (role) => {
    const { find } = setUp({
      [ROLES]: [200, role],
      [`${ROLES}${role}`]: [200, JSON.stringify(RIGHT)],
    });
    expect((await find()).credentials.accessKeyId).toBe(RIGHT.AccessKeyId);
  });

  test.each([
    ['', 200],
    ['\n', 200],
    ['bot-role', 404],
  ])('none where %j comes with status %i', async (role, status) => {
    await expect(roleOf(role, status)).rejects.toMatchObject({
      code: 'credentials',
      message: expect.stringContaining('this instance has no role'),
    });
  });

  test.each([
    ['a/../b', 200],
    ['<html>role', 200],
    ['role</html>', 200],
    ['x'.repeat(65), 200],
    ['bot-role', 403],
    ['', 403],
  ])('not known where %j comes with status %i', async (role, status) => {
    await expect(roleOf(role, status)).rejects.toMatchObject({
      code: 'metadata',
      message: `the metadata service did not name the instance's role: status ${status}`,
    });
  });
});

describe('credentials are not had', () => {
  const answered = (status: number, answer: unknown) =>
    setUp({ [`${ROLES}bot-role`]: [status, JSON.stringify(answer)] }).find();

  test.each<[number, unknown]>([
    [403, RIGHT],
    [500, { Code: 'Failed' }],
    [200, { Code: 'Success' }],
    [200, { Code: '' }],
    [200, {}],
  ])('where status %i comes with %j', async (status, answer) => {
    await expect(answered(status, answer)).rejects.toMatchObject({
      code: 'metadata',
      message: `the metadata service gave no usable credentials of role bot-role: status ${status}`,
    });
  });

  test('where EC2 says why', async () => {
    await expect(answered(200, { Code: 'AssumeRole\u001bUnauthorized' })).rejects.toMatchObject({
      code: 'credentials',
      message: expect.stringContaining("EC2 can't get credentials of role bot-role (AssumeRole"),
    });
  });
});

test.each<Told>([
  [404, 'eu-west-1'],
  [200, ''],
  [200, 'EU'],
  [200, '<b>eu-west-1'],
  [200, 'eu-west-1 x'],
  [200, 'x'.repeat(33)],
])('no region is known where status %i comes with %j', async (...told) => {
  expect((await setUp({ [REGION]: told }).find()).region).toBeUndefined();
});

test('a service that goes away is told of as one that was never there', async () => {
  const { find } = setUp({ [ROLES]: undefined as never });
  await expect(find()).rejects.toMatchObject({
    code: 'metadata',
    message: expect.stringContaining("EC2's metadata service at http://169.254.169.254 can't be"),
    cause: new NoAnswer('the connection was refused'),
  });
});
