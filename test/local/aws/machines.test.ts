import { describe, expect, test } from 'vitest';
import type { Instance } from '../../../local/aws/instance.ts';
import { NOW, signedRequest, smallAws } from './fixture.ts';

const METADATA = 'http://169.254.169.254';
const ROLE_PATH = '/latest/meta-data/iam/security-credentials/';

const openSession = (machine: Instance, ttl = '60', more: Record<string, string> = {}) =>
  machine.fetch(`${METADATA}/latest/api/token`, {
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': ttl, ...more },
  });

async function ask(machine: Instance, path: string, token?: string) {
  const session = token ?? (await (await openSession(machine)).text());
  const headers = { 'x-aws-ec2-metadata-token': session };
  const response = await machine.fetch(`${METADATA}${path}`, { headers });
  return { status: response.status, text: await response.text() };
}

describe("an instance's metadata service", () => {
  test("names the instance's role, and gives its credentials, which STS accepts", async () => {
    const { cloud, instance } = smallAws();
    expect(await ask(instance, ROLE_PATH)).toEqual({ status: 200, text: 'bot-role' });
    const { text } = await ask(instance, `${ROLE_PATH}bot-role`);
    const answer = JSON.parse(text);
    expect(answer).toEqual({
      Code: 'Success',
      LastUpdated: '2026-11-20T19:05:00Z',
      Type: 'AWS-HMAC',
      AccessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
      SecretAccessKey: expect.stringMatching(/^.{40}$/),
      Token: expect.any(String),
      Expiration: '2026-11-21T01:05:00Z',
    });
    const request = signedRequest({
      accessKeyId: answer.AccessKeyId,
      secretAccessKey: answer.SecretAccessKey,
      sessionToken: answer.Token,
    });
    expect(await (await cloud.fetch(request)).text()).toContain('bot-role/i-0abcdef1234567890');
  });

  test('says which instance it is, and where', async () => {
    const { instance } = smallAws();
    expect((await ask(instance, '/latest/meta-data/instance-id')).text).toBe('i-0abcdef1234567890');
    expect((await ask(instance, '/latest/meta-data/placement/region')).text).toBe('us-east-1');
    expect((await ask(instance, '/latest/meta-data/nothing')).status).toBe(404);
    expect((await ask(instance, `${ROLE_PATH}other-role`)).status).toBe(404);
  });

  test('gives the same credentials until a quarter of an hour before they expire', async () => {
    let now = NOW;
    const { instance } = smallAws(() => now);
    const first = instance.credentials();
    now = new Date(NOW.getTime() + 5.7 * 3_600_000);
    expect(instance.credentials()).toBe(first);
    now = new Date(NOW.getTime() + 5.75 * 3_600_000);
    expect(instance.credentials()).not.toBe(first);
  });

  test.each(['', '0', '21601', '-1', '1.5', 'x'])('opens no session of %j seconds', async (ttl) => {
    const { instance } = smallAws();
    expect((await openSession(instance, ttl)).status).toBe(400);
  });

  test('opens no session for a proxy, nor by another method', async () => {
    const { instance } = smallAws();
    const forwarded = { 'x-forwarded-for': '10.0.0.1' };
    expect((await openSession(instance, '60', forwarded)).status).toBe(403);
    expect((await instance.fetch(`${METADATA}/latest/api/token`)).status).toBe(405);
    const post = await instance.fetch(`${METADATA}${ROLE_PATH}`, { method: 'POST' });
    expect(post.status).toBe(405);
  });

  test('answers nothing without a session, in another one, or after its end', async () => {
    let now = NOW;
    const { account, instance } = smallAws(() => now);
    const session = await (await openSession(instance)).text();
    expect((await ask(instance, ROLE_PATH, session)).status).toBe(200);
    expect((await ask(instance, ROLE_PATH, '')).status).toBe(401);
    expect((await ask(account.instance('other'), ROLE_PATH, session)).status).toBe(401);
    now = new Date(NOW.getTime() + 60_000);
    expect((await ask(instance, ROLE_PATH, session)).status).toBe(401);
  });

  test('has no credentials without a role, and another role’s when it is attached', async () => {
    const { account, instance } = smallAws();
    instance.attach(undefined);
    expect((await ask(instance, ROLE_PATH)).status).toBe(404);
    expect(() => instance.credentials()).toThrow('has no role');
    instance.attach(account.role('other-role'));
    expect((await ask(instance, ROLE_PATH)).text).toBe('other-role');
  });

  test('is bent as the test says, and has faults of its own', async () => {
    const { instance } = smallAws();
    instance.serve({ code: 'AssumeRoleUnauthorizedAccess' });
    expect((await ask(instance, `${ROLE_PATH}bot-role`)).text).toContain(
      '"Code": "AssumeRoleUnauthorizedAccess"',
    );
    instance.serve({ credentials: { expires: NOW } });
    expect((await ask(instance, `${ROLE_PATH}bot-role`)).text).toContain(
      '"Expiration": "2026-11-20T19:05:00Z"',
    );
    instance.faults.set({ status: 503 }, { times: 1 });
    expect((await openSession(instance)).status).toBe(503);
    expect((await openSession(instance)).status).toBe(200);
    await expect(instance.fetch('http://169.254.170.2/')).rejects.toThrow('fetch failed');
  });
});

describe("a container's credentials", () => {
  const ask = async (change: { path?: string; authorization?: string } = {}) => {
    const { task } = smallAws();
    const env = task.env('http://127.0.0.1:9');
    const response = await task.metadata(
      new Request(`${env['AWS_CONTAINER_CREDENTIALS_FULL_URI']}${change.path ?? ''}`, {
        headers: {
          authorization: change.authorization ?? `${env['AWS_CONTAINER_AUTHORIZATION_TOKEN']}`,
        },
      }),
    );
    return { status: response.status, body: await response.json() };
  };

  test("are of the task's role", async () => {
    expect(await ask()).toEqual({
      status: 200,
      body: {
        RoleArn: 'arn:aws:iam::111111111111:role/bot-role',
        AccessKeyId: expect.stringMatching(/^ASIA/),
        SecretAccessKey: expect.any(String),
        Token: expect.any(String),
        Expiration: '2026-11-21T01:05:00Z',
      },
    });
  });

  test('are refused to whoever does not know the path or the token', async () => {
    expect((await ask({ path: 'x' })).status).toBe(404);
    expect((await ask({ authorization: 'x' })).status).toBe(401);
  });
});
