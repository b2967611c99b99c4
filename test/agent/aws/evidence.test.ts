import { writeFile } from 'node:fs/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { awsEvidence } from '../../../agent/aws/evidence.ts';
import { findCredentials } from '../../../agent/aws/find-credentials.ts';
import { sendDirectly } from '../../../agent/network-http.ts';
import { askSts } from '../../../shared/attestation/aws/caller-identity.ts';
import { examineStsRequest } from '../../../shared/attestation/aws/sts-request.ts';
import { iamEvidence } from '../../../shared/protocol/evidence.ts';
import { parseWith } from '../../../shared/protocol/schema.ts';
import { temporaryFolder } from '../folder.ts';
import { CONTAINER, createAwsRig, DIGEST } from './rig.ts';

const USER = { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: 'x'.repeat(40) };

describe('credentials', () => {
  test('of an instance sign at STS of its region', async () => {
    expect(await createAwsRig().identity()).toMatchObject({
      account: '111111111111',
      arn: 'arn:aws:sts::111111111111:assumed-role/bot-role/i-0abcdef1234567890',
      host: 'sts.eu-west-1.amazonaws.com',
    });
  });

  test('of a container come before those of its instance', async () => {
    const rig = createAwsRig();
    const { task } = rig;
    const arn = `arn:aws:sts::111111111111:assumed-role/task-role/${task.taskId}`;
    const host = 'sts.us-east-2.amazonaws.com';
    expect(await rig.identity(task.env(CONTAINER))).toMatchObject({ arn, host });
  });

  test('of the environment come before all', async () => {
    const rig = createAwsRig();
    const { principal, credentials } = rig.account.user('robot');
    const env = {
      ...rig.task.env(CONTAINER),
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    };
    expect(await rig.identity(env)).toMatchObject(principal);
    expect(rig.cloud.calls.all.map(({ service }) => service)).toEqual(['sts']);
  });

  test('of the environment may be of a session', async () => {
    const rig = createAwsRig();
    const { accessKeyId, secretAccessKey, sessionToken } = rig.account.role('r').session('me');
    const env = {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
      AWS_CREDENTIAL_EXPIRATION: '2026-11-20T20:05:00+00:00',
    };
    expect((await rig.identity(env)).arn).toMatch(/\/r\/me$/);
  });

  test('of a simulated instance come before any that are real, over real connections', async () => {
    const rig = createAwsRig();
    const listening = await rig.cloud.listen();
    onTestFinished(() => listening.close());
    const effects = { ...rig.effects, imds: sendDirectly };
    const env = { ...USER, JOINBOT_AWS_IMDS_URL: listening.urls.machines['ec2'] };
    const at = rig.clock.now();
    const { sts_request } = await awsEvidence(DIGEST, at, effects, env);
    const request = examineStsRequest(sts_request, { digest: DIGEST, at });
    const identity = await askSts(request, fetch, { resolve: listening.resolve });
    expect(identity.arn).toMatch(/\/bot-role\/i-0abcdef1234567890$/);
  });

  test("of a container's full address, with a token from a file", async () => {
    const rig = createAwsRig();
    const listening = await rig.cloud.listen();
    onTestFinished(() => listening.close());
    const { AWS_CONTAINER_AUTHORIZATION_TOKEN: token, ...env } = rig.task.env(
      listening.urls.machines['ecs'] ?? '',
    );
    const file = `${await temporaryFolder()}/token`;
    await writeFile(file, `${token}\n`);
    const found = await findCredentials(
      rig.clock.now(),
      { ...rig.effects, imds: sendDirectly },
      { ...env, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file },
    );
    expect(rig.cloud.credentials.find(found.credentials.accessKeyId)?.principal.arn).toContain(
      'task-role',
    );
  });

  test("of a container's relative address are ECS's own", async () => {
    const rig = createAwsRig();
    const asked: string[] = [];
    const imds: typeof rig.effects.imds = async ({ url }) => {
      asked.push(url);
      return { status: 404, header: () => undefined, body: new Uint8Array() };
    };
    const env = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/1' };
    await expect(findCredentials(rig.clock.now(), { ...rig.effects, imds }, env)).rejects.toThrow(
      'gave no credentials: status 404. Check that the task or pod has a role',
    );
    expect(asked).toEqual(['http://169.254.170.2/v2/credentials/1']);
  });
});

describe('STS is asked', () => {
  test.each([
    ['at the global endpoint where no region is known', {}, 'sts.amazonaws.com'],
    ["at AWS_REGION's", { AWS_REGION: 'us-gov-west-1' }, 'sts.us-gov-west-1.amazonaws.com'],
    [
      "at AWS_DEFAULT_REGION's",
      { AWS_DEFAULT_REGION: 'cn-north-1' },
      'sts.cn-north-1.amazonaws.com.cn',
    ],
    [
      'at a FIPS endpoint',
      { AWS_REGION: 'us-east-2', AWS_USE_FIPS_ENDPOINT: 'true' },
      'sts-fips.us-east-2.amazonaws.com',
    ],
    [
      'at a FIPS endpoint of no region',
      { AWS_USE_FIPS_ENDPOINT: 'true' },
      'sts-fips.us-east-1.amazonaws.com',
    ],
    [
      "at the US Government's, which is FIPS",
      { AWS_REGION: 'us-gov-east-1', AWS_USE_FIPS_ENDPOINT: 'true' },
      'sts.us-gov-east-1.amazonaws.com',
    ],
  ])('%s', async (_, env, host) => {
    const rig = createAwsRig();
    const { sts_request } = await rig.evidence({ ...USER, ...env });
    const request = examineStsRequest(sts_request, { digest: DIGEST, at: rig.clock.now() });
    expect(request.endpoint.host).toBe(host);
  });
});

test('is of the form that the broker takes', async () => {
  const evidence = await createAwsRig().evidence({});
  expect(parseWith(iamEvidence, evidence)).toEqual({ ok: true, value: evidence });
  const long = { sts_request: 'A'.repeat(16_385) };
  expect(parseWith(iamEvidence, long)).toMatchObject({ problem: { field: 'sts_request' } });
});

test('signs with the time that it is given', async () => {
  const rig = createAwsRig();
  const at = new Date('2026-11-20T20:00:00Z');
  const { sts_request } = await rig.evidence({}, at);
  expect(examineStsRequest(sts_request, { digest: DIGEST, at }).signedAt).toEqual(at);
});

describe('fails, and says what to do,', () => {
  test.each([
    [
      'with half a key',
      { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE' },
      'config: AWS_SECRET_ACCESS_KEY is not set',
    ],
    ['with the other half', { AWS_SECRET_ACCESS_KEY: 'x' }, 'config: AWS_ACCESS_KEY_ID is not set'],
    [
      'with an unknown region',
      { ...USER, AWS_REGION: 'moon-1' },
      'config: joinbot knows no region moon-1 with STS: set AWS_REGION to us-east-1',
    ],
    [
      'with a region without FIPS',
      { ...USER, AWS_REGION: 'eu-west-1', AWS_USE_FIPS_ENDPOINT: 'true' },
      'config: joinbot knows no region eu-west-1 with a FIPS endpoint of STS',
    ],
    [
      'with expired credentials',
      { ...USER, AWS_CREDENTIAL_EXPIRATION: '2026-11-20T19:05:00Z' },
      "credentials: the machine's AWS credentials expired at 2026-11-20T19:05:00.000Z: renew them",
    ],
    [
      'with expired credentials of the command line tool',
      { ...USER, AWS_CREDENTIAL_EXPIRATION: '2026-11-20T19:05:00+00:00' },
      "credentials: the machine's AWS credentials expired at 2026-11-20T19:05:00.000Z: renew them",
    ],
    [
      'where the instance must not be asked',
      { AWS_EC2_METADATA_DISABLED: 'true' },
      'credentials: no AWS credentials',
    ],
    [
      'with a web identity',
      { AWS_WEB_IDENTITY_TOKEN_FILE: '/x' },
      'config: AWS_WEB_IDENTITY_TOKEN_FILE is set',
    ],
    [
      'where the simulated instance is not on loopback',
      { JOINBOT_AWS_IMDS_URL: 'http://169.254.169.254' },
      'config: JOINBOT_AWS_IMDS_URL: expected an http:// address on loopback',
    ],
    [
      'where the container’s path is none',
      { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '@evil.example/' },
      'config: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: expected a path',
    ],
    [
      'where the container’s address is elsewhere',
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://evil.example/' },
      'config: AWS_CONTAINER_CREDENTIALS_FULL_URI: expected an http:// address on loopback',
    ],
    [
      'where the container’s address is https',
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'https://127.0.0.1/' },
      'config: AWS_CONTAINER_CREDENTIALS_FULL_URI: expected',
    ],
    [
      'where the container’s address has a password',
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://a:b@127.0.0.1/' },
      'config: AWS_CONTAINER_CREDENTIALS_FULL_URI: expected',
    ],
    [
      'where the token’s file is not there',
      {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/nowhere',
      },
      "files: AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: /nowhere can't be read (ENOENT)",
    ],
    [
      'with a token of two lines',
      {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER,
        AWS_CONTAINER_AUTHORIZATION_TOKEN: 'a\r\nb',
      },
      'config: AWS_CONTAINER_AUTHORIZATION_TOKEN has characters',
    ],
    [
      'where the endpoint has no such path',
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'x' },
      "credentials: the container's credentials endpoint gave no credentials: status 404",
    ],
    [
      'where nothing is at the container’s address',
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1:1/' },
      "metadata: the container's credentials endpoint can't be reached",
    ],
  ])('%s', async (_, env, message) => {
    expect(await createAwsRig().failure(env)).toContain(message);
  });

  test('on an instance without a role', async () => {
    const rig = createAwsRig();
    rig.instance.attach(undefined);
    expect(await rig.failure()).toContain(
      'credentials: this instance has no role, so it has no AWS credentials: attach an instance profile',
    );
  });

  test('on an instance whose role can not be assumed', async () => {
    const rig = createAwsRig();
    rig.instance.serve({ code: 'AssumeRoleUnauthorizedAccess' });
    expect(await rig.failure()).toContain(
      "credentials: EC2 can't get credentials of role bot-role (AssumeRoleUnauthorizedAccess): check that the role exists and that its trust policy lets ec2.amazonaws.com assume it",
    );
  });

  test('on an instance that hands out expired credentials, and on a machine whose clock is ahead', async () => {
    const rig = createAwsRig();
    rig.instance.serve({ credentials: { expires: rig.clock.now() } });
    expect(await rig.failure()).toContain('credentials expired at 2026-11-20T19:05:00.000Z');
    rig.instance.serve({});
    expect(await rig.failure({}, new Date('2027-01-01T00:00:00Z'))).toContain(
      "check the machine's clock",
    );
  });

  test('where nothing answers, after asking four times', async () => {
    const rig = createAwsRig();
    rig.instance.faults.set('network_error');
    expect(await rig.failure()).toContain(
      "metadata: EC2's metadata service at http://169.254.169.254 can't be reached: the connection was refused. On an EC2 instance, enable it in the instance's metadata options (in a container the hop limit has to be 2 or more); elsewhere, put AWS credentials into the environment",
    );
    expect(rig.clock.sleeps).toEqual([500, 1000, 2000]);
  });

  test.each([
    [403, "metadata: this instance's metadata service is switched off"],
    [400, 'metadata: what answers at http://169.254.169.254 is not EC2'],
    [503, 'metadata: what answers at http://169.254.169.254 is not EC2'],
  ])('where the service answers %i', async (status, message) => {
    const rig = createAwsRig();
    rig.instance.faults.set({ status });
    expect(await rig.failure()).toContain(message);
  });

  test('where the credentials are in another form', async () => {
    const rig = createAwsRig();
    rig.instance.serve({ credentials: { accessKeyId: 'x\r\ny' } });
    expect(await rig.failure()).toContain(
      'gave no usable credentials of role bot-role: status 200',
    );
    rig.task.faults.set('broken_json');
    expect(await rig.failure(rig.task.env(CONTAINER))).toContain(
      "the container's credentials are not of the form that AWS documents",
    );
  });

  test('when it is told to stop', async () => {
    const rig = createAwsRig();
    rig.instance.faults.set({ status: 503 });
    rig.clock.onSleep = () => rig.stop.abort();
    expect(await rig.failure()).toBe('stopped: joinbot was told to stop');
  });

  test('without a word of the credentials', async () => {
    const env = { ...USER, AWS_SESSION_TOKEN: 'session-token', AWS_REGION: 'moon-1' };
    const said = await createAwsRig().failure(env);
    for (const secret of [USER.AWS_SECRET_ACCESS_KEY, 'session-token', USER.AWS_ACCESS_KEY_ID]) {
      expect(said).not.toContain(secret);
    }
  });
});

test.each([429, 500, 503])('asks again after status %i', async (status) => {
  const rig = createAwsRig();
  rig.instance.faults.set({ status }, { times: 3 });
  expect((await rig.identity()).account).toBe('111111111111');
  expect(rig.clock.sleeps).toEqual([500, 1000, 2000]);
});
