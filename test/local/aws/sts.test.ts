import { describe, expect, onTestFinished, test } from 'vitest';
import { NOW, type SigningOptions, signedRequest, smallAws } from './fixture.ts';

const { cloud, account, instance } = smallAws();
const credentials = instance.credentials();

interface Answer {
  readonly GetCallerIdentityResponse?: unknown;
  readonly Error?: { readonly Code: string; readonly Message: string; readonly Type: string };
}

async function asked(request: Request) {
  const response = await cloud.fetch(request);
  return { status: response.status, body: (await response.json()) as Answer };
}
const ask = (options?: SigningOptions) => asked(signedRequest(credentials, options));

const IDENTITY = {
  Account: '111111111111',
  Arn: 'arn:aws:sts::111111111111:assumed-role/bot-role/i-0abcdef1234567890',
  UserId: account.role('bot-role').principal('i-0abcdef1234567890').userId,
};

describe('GetCallerIdentity', () => {
  test('says in JSON whose credentials signed', async () => {
    expect(await ask()).toEqual({
      status: 200,
      body: {
        GetCallerIdentityResponse: {
          GetCallerIdentityResult: IDENTITY,
          ResponseMetadata: { RequestId: expect.any(String) },
        },
      },
    });
  });

  test('says it in XML where JSON is not asked for', async () => {
    const response = await cloud.fetch(signedRequest(credentials, { accept: '*/*' }));
    expect(response.headers.get('content-type')).toBe('text/xml');
    const text = await response.text();
    expect(text).toContain(`<Arn>${IDENTITY.Arn}</Arn>`);
    expect(text).toContain(`<Account>${IDENTITY.Account}</Account>`);
  });

  test.each([
    [
      'a region',
      { host: 'sts.eu-west-1.amazonaws.com', scope: '20261120/eu-west-1/sts/aws4_request' },
    ],
    [
      'FIPS',
      { host: 'sts-fips.us-west-2.amazonaws.com', scope: '20261120/us-west-2/sts/aws4_request' },
    ],
    ['15 minutes ago', { date: '20261120T185000Z' }],
    ['15 minutes ahead', { date: '20261120T192000Z' }],
    ['a signed header', { headers: { 'x-join-broker-digest': 'd'.repeat(64) } }],
    ['spaces in a signed header', { headers: { 'x-other': 'a b' } }],
    ['an unsigned header', { headers: { 'x-other': 'a' }, unsigned: ['x-other'] }],
  ] as [string, SigningOptions][])('is answered for %s', async (_, options) => {
    expect((await ask(options)).status).toBe(200);
  });

  test('is answered on ports of loopback, for every host below one address', async () => {
    const listening = await cloud.listen();
    onTestFinished(() => listening.close());
    const request = signedRequest(credentials, { host: 'sts.amazonaws.com' });
    const response = await fetch(listening.resolve('sts.amazonaws.com'), {
      method: 'POST',
      headers: request.headers,
      body: await request.text(),
    });
    expect(response.status).toBe(200);
    expect(Object.keys(listening.urls.machines)).toEqual(['ec2', 'ecs']);
    expect((await fetch(`${listening.urls.sts}/evil.example/`)).status).toBe(404);
  });
});

test('takes another port where the preferred one is taken', async () => {
  const first = await cloud.listen();
  onTestFinished(() => first.close());
  const taken = Number(new URL(first.urls.sts).port);
  const second = await cloud.listen({ ports: { sts: taken, machines: { ec2: taken } } });
  onTestFinished(() => second.close());
  expect([second.urls.sts, second.urls.machines['ec2']]).not.toContain(first.urls.sts);
  expect(second.resolve('sts.amazonaws.com').port).not.toBe(`${taken}`);
});

describe('refuses', () => {
  test.each<[string, SigningOptions, number, string, string]>([
    [
      'another signature',
      { change: (text) => text.replace(/.{64}$/, '0'.repeat(64)) },
      403,
      'SignatureDoesNotMatch',
      'does not match',
    ],
    [
      'half a signature',
      { change: (text) => text.slice(0, -32) },
      403,
      'SignatureDoesNotMatch',
      'does not match',
    ],
    [
      'a signature for another host',
      { host: 'sts.us-east-1.amazonaws.com', headers: { host: 'sts.amazonaws.com' } },
      403,
      'SignatureDoesNotMatch',
      'does not match',
    ],
    [
      'a date too long ago',
      { date: '20261120T184959Z' },
      403,
      'SignatureDoesNotMatch',
      'Signature expired: 20261120T184959Z is now earlier than 20261120T185000Z (20261120T190500Z - 15 min.)',
    ],
    [
      'a date too far ahead',
      { date: '20261120T192001Z' },
      403,
      'SignatureDoesNotMatch',
      'Signature not yet current',
    ],
    ['a date in another form', { date: '20261120' }, 403, 'SignatureDoesNotMatch', 'ISO-8601'],
    [
      'a scope of another day',
      { scope: '20261119/us-east-1/sts/aws4_request' },
      403,
      'SignatureDoesNotMatch',
      'Date in Credential scope',
    ],
    [
      'a scope of another region',
      { scope: '20261120/eu-west-1/sts/aws4_request' },
      403,
      'SignatureDoesNotMatch',
      'valid region',
    ],
    [
      'a scope of another service',
      { scope: '20261120/us-east-1/iam/aws4_request' },
      403,
      'SignatureDoesNotMatch',
      'correct service',
    ],
    [
      'a scope with another end',
      { scope: '20261120/us-east-1/sts/aws3_request' },
      403,
      'SignatureDoesNotMatch',
      'terminator',
    ],
    ['the host unsigned', { unsigned: ['host'] }, 403, 'SignatureDoesNotMatch', "'Host'"],
    [
      'the session token unsigned',
      { unsigned: ['x-amz-security-token'] },
      403,
      'SignatureDoesNotMatch',
      "'x-amz-security-token'",
    ],
    [
      'a name that is signed but absent',
      { change: (text) => text.replace('=host', '=accept-language;host') },
      403,
      'SignatureDoesNotMatch',
      'absent',
    ],
    [
      'another algorithm',
      { change: (text) => text.replace('AWS4-HMAC', 'AWS3-HMAC') },
      400,
      'IncompleteSignature',
      'Authorization',
    ],
    [
      'no signature',
      { change: (text) => text.replace(/, Signature=.*/, '') },
      400,
      'IncompleteSignature',
      'Authorization',
    ],
    [
      'an unknown key',
      { change: (text) => text.replace(/ASIA\w{16}/, 'ASIAAAAAAAAAAAAAAAAA') },
      403,
      'InvalidClientTokenId',
      'invalid',
    ],
    [
      'another session token',
      { headers: { 'x-amz-security-token': 'x' } },
      403,
      'InvalidClientTokenId',
      'invalid',
    ],
    [
      'a host of another partition',
      { host: 'sts.cn-north-1.amazonaws.com.cn', scope: '20261120/cn-north-1/sts/aws4_request' },
      403,
      'InvalidClientTokenId',
      'invalid',
    ],
    [
      'another action',
      { body: 'Action=GetSessionToken&Version=2011-06-15' },
      400,
      'InvalidAction',
      'GetSessionToken',
    ],
    [
      'another version',
      { body: 'Action=GetCallerIdentity&Version=2010-01-01' },
      400,
      'InvalidAction',
      '2010-01-01',
    ],
  ])('%s', async (_, options, status, code, message) => {
    const answer = await ask(options);
    expect(answer).toMatchObject({ status, body: { Error: { Code: code, Type: 'Sender' } } });
    expect(answer.body.Error?.Message).toContain(message);
  });

  test('a request without a signature', async () => {
    const request = new Request('https://sts.amazonaws.com/', {
      method: 'POST',
      body: 'Action=GetCallerIdentity&Version=2011-06-15',
      headers: { accept: 'application/json' },
    });
    const { status, body } = await asked(request);
    expect([status, body.Error?.Code]).toEqual([403, 'MissingAuthenticationToken']);
  });

  test('in XML where JSON is not asked for', async () => {
    const options = {
      accept: '*/*',
      change: (text: string) => text.replace(/.{64}$/, '0'.repeat(64)),
    };
    const text = await (await cloud.fetch(signedRequest(credentials, options))).text();
    expect(text).toContain('<Code>SignatureDoesNotMatch</Code>');
  });

  test('a changed body', async () => {
    const request = signedRequest(credentials);
    const changed = new Request(request.url, {
      method: 'POST',
      headers: request.headers,
      body: `${await request.text()}&X=y`,
    });
    expect((await asked(changed)).body.Error?.Code).toBe('SignatureDoesNotMatch');
  });

  test('credentials that have expired', async () => {
    let now = NOW;
    const aws = smallAws(() => now);
    const early = aws.account.role('r').session('s', { seconds: 60 });
    now = new Date(NOW.getTime() + 60_000);
    const response = await aws.cloud.fetch(signedRequest(early));
    expect([response.status, await response.text()]).toEqual([
      403,
      expect.stringContaining('ExpiredToken'),
    ]);
  });
});

describe('is bent', () => {
  test('to another identity, to a long answer, to any answer, and back', async () => {
    onTestFinished(() => cloud.serve({}));
    cloud.serve({ identity: { account: '222222222222' }, padding: 10 });
    const text = await (await cloud.fetch(signedRequest(credentials))).text();
    expect(text).toMatch(/"Account":"222222222222".* {10}$/);
    cloud.serve({ body: 'garbage' });
    expect(await (await cloud.fetch(signedRequest(credentials))).text()).toBe('garbage');
    cloud.serve({});
    expect((await ask()).status).toBe(200);
  });

  test('to errors in its own form', async () => {
    cloud.faults.set({ status: 503, retryAfterSeconds: 3 }, { times: 1 });
    expect(await ask()).toMatchObject({
      status: 503,
      body: { Error: { Code: 'ServiceUnavailable', Type: 'Receiver' } },
    });
    expect((await ask()).status).toBe(200);
  });
});

test('keeps a log of its calls', async () => {
  cloud.calls.clear();
  await ask();
  expect(cloud.calls.all).toEqual([
    { service: 'sts', method: 'POST', path: '/sts.amazonaws.com/' },
  ]);
});
