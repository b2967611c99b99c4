import { describe, expect, onTestFinished, test } from 'vitest';
import { askSts } from '../../../../shared/attestation/aws/caller-identity.ts';
import { STS_BODY, STS_ENDPOINTS } from '../../../../shared/protocol/sts.ts';
import { examine, refusalOfAnswer, smallAws } from './signed-request.ts';

const { cloud, account, role, credentials, sign } = smallAws();
const REQUEST = examine(sign());
const CHINA = examine(
  sign({ endpoint: STS_ENDPOINTS.get('sts.cn-north-1.amazonaws.com.cn') ?? expect.fail() }),
);
const ARN = 'arn:aws:sts::111111111111:assumed-role/teleport-bot-role/i-0abcdef1234567890';

const identityText = (change: object = {}): string =>
  JSON.stringify({
    GetCallerIdentityResponse: {
      GetCallerIdentityResult: {
        Account: '111111111111',
        Arn: ARN,
        UserId: 'AROAEXAMPLE:i-0abcdef1234567890',
        ...change,
      },
      ResponseMetadata: { RequestId: 'e2d4d6d8-0000-4000-8000-000000000000' },
    },
  });
const errorText = (Code: string): string =>
  JSON.stringify({ Error: { Code, Message: 'm', Type: 'Sender' }, RequestId: 'r' });

const answering =
  (body: string | null, init: ResponseInit = {}): typeof fetch =>
  async () =>
    new Response(body, init);

test('says account, ARN and user id of whoever signed, at its own address and at a simulated one', async () => {
  const listening = await cloud.listen();
  onTestFinished(() => listening.close());
  const expected = {
    account: '111111111111',
    arn: ARN,
    userId: role.principal('i-0abcdef1234567890').userId,
  };
  expect(await askSts(REQUEST, cloud.fetch)).toEqual(expected);
  expect(await askSts(REQUEST, fetch, { resolve: listening.resolve })).toEqual(expected);
});

test("says who a user is, who signs with a key of the user's own", async () => {
  const user = account.user('robot');
  const request = examine(sign({ credentials: user.credentials }));
  expect(await askSts(request, cloud.fetch)).toEqual(user.principal);
});

test('sends the exact call to the host that was signed, and follows no redirect', async () => {
  const sent: [string, RequestInit | undefined][] = [];
  await askSts(REQUEST, async (url, init) => {
    sent.push([`${url}`, init]);
    return new Response(identityText());
  });
  const [[url, init] = []] = sent;
  expect(url).toBe('https://sts.amazonaws.com/');
  expect(init).toMatchObject({ method: 'POST', body: STS_BODY, redirect: 'error' });
  expect(init?.signal).toBeInstanceOf(AbortSignal);
  expect(init?.headers).toEqual({
    ...Object.fromEntries(REQUEST.headers),
    accept: 'application/json',
  });
});

describe('denies', () => {
  test.each([
    [
      403,
      'SignatureDoesNotMatch',
      "the signature is not by the key that it names, or the machine's clock is off",
    ],
    [403, 'InvalidClientTokenId', 'AWS knows no such credentials'],
    [403, 'ExpiredToken', "the machine's credentials have expired"],
    [403, 'ExpiredTokenException', "the machine's credentials have expired"],
    [403, 'AccessDenied', 'status 403 AccessDenied'],
    [400, 'IncompleteSignature', 'status 400 IncompleteSignature'],
    [400, 'NotThrottling', 'status 400 NotThrottling'],
    [403, 'Throttling', 'status 403 Throttling'],
    [403, 'A'.repeat(64), 'A'.repeat(64)],
    [404, 'constructor', 'status 404 constructor'],
  ])('what STS answers %i %s to', async (status, code, words) => {
    const said = await refusalOfAnswer(askSts(REQUEST, answering(errorText(code), { status })));
    expect(said).toMatch('sts_denied: STS refused the request');
    expect(said).toContain(words);
  });

  test.each([
    '<b>\u001b[31m',
    '\nAccessDenied',
    'AccessDenied\n',
    '1AccessDenied',
    'AccessDenied1',
    '',
    'A'.repeat(65),
  ])("without repeating what is not one of AWS's codes: %j", async (code) => {
    const text = errorText(code);
    expect(await refusalOfAnswer(askSts(REQUEST, answering(text, { status: 403 })))).toBe(
      'sts_denied: STS refused the request with status 403',
    );
  });

  test('credentials that were withdrawn, and those that expired', async () => {
    let now = new Date('2026-11-20T19:05:00Z');
    const aws = smallAws(() => now);
    const request = examine(aws.sign());
    now = new Date('2026-11-21T19:05:00Z');
    expect(await refusalOfAnswer(askSts(request, aws.cloud.fetch))).toContain('ExpiredToken');
    aws.cloud.credentials.withdraw(aws.credentials);
    expect(await refusalOfAnswer(askSts(request, aws.cloud.fetch))).toContain('InvalidClientToken');
  });
});

describe('is unavailable', () => {
  test.each([
    ['an answer in XML', '<GetCallerIdentityResponse/>'],
    ['half an answer', identityText().slice(0, 80)],
    ['nothing', ''],
    ['an account that is not the ARN’s', identityText({ Account: '222222222222' })],
    [
      'an account of 11 digits',
      identityText({ Account: '11111111111', Arn: ARN.replace('111111111111', '11111111111') }),
    ],
    ['an account that is a number', identityText({ Account: 111111111111 })],
    [
      'the ARN of a role',
      identityText({ Arn: 'arn:aws:iam::111111111111:role/teleport-bot-role' }),
    ],
    ['an ARN with more behind it', identityText({ Arn: `${ARN}/x` })],
    ['an ARN with a line feed behind it', identityText({ Arn: `${ARN}\n` })],
    ['an ARN with more before it', identityText({ Arn: `x${ARN}` })],
    [
      'an ARN of an unknown partition',
      identityText({ Arn: ARN.replace('arn:aws:', 'arn:aws-x:') }),
    ],
    ['an ARN of another service', identityText({ Arn: ARN.replace(':sts:', ':ec2:') })],
    ['an ARN with a region', identityText({ Arn: ARN.replace(':sts::', ':sts:us-east-1:') })],
    [
      'an ARN that is too long',
      identityText({ Arn: `arn:aws:iam::111111111111:user/${'p/'.repeat(1024)}u` }),
    ],
    ['no user id', identityText({ UserId: undefined })],
    ['a user id of 201 characters', identityText({ UserId: 'A'.repeat(201) })],
    ['a user id with a control character', identityText({ UserId: 'AROA\u001b' })],
    ['a user id with a line feed before it', identityText({ UserId: '\nAROA' })],
    ['a user id with a line feed behind it', identityText({ UserId: 'AROA\n' })],
    ['an empty user id', identityText({ UserId: '' })],
  ])('where STS answers %s', async (_, text) => {
    expect(await refusalOfAnswer(askSts(REQUEST, answering(text)))).toBe(
      'unavailable: sts.amazonaws.com answered something that is no caller identity',
    );
  });

  test('where the caller is of another partition than the host', async () => {
    expect(await refusalOfAnswer(askSts(CHINA, answering(identityText())))).toMatch(
      'unavailable: ',
    );
    const arn = ARN.replace('arn:aws:', 'arn:aws-cn:');
    expect((await askSts(CHINA, answering(identityText({ Arn: arn })))).arn).toBe(arn);
  });

  test.each([
    [500, 'InternalFailure', {}, 5],
    [503, 'ServiceUnavailable', { 'retry-after': '7' }, 7],
    [429, 'Throttling', { 'retry-after': '0' }, 1],
    [400, 'Throttling', {}, 5],
    [400, 'ThrottlingException', { 'retry-after': '9999' }, 120],
    [400, 'RequestLimitExceeded', { 'retry-after': 'soon' }, 5],
    [429, 'Throttling', { 'retry-after': '7s' }, 5],
    [429, 'Throttling', { 'retry-after': 'x7' }, 5],
    [429, 'Throttling', { 'retry-after': '00007' }, 5],
    [429, 'Throttling', { 'retry-after': '' }, 5],
    [204, '', {}, 5],
    [302, '', {}, 5],
  ] as const)('where STS answers %i %s', async (status, code, headers, retryAfter) => {
    const fetch = answering(status === 204 ? null : errorText(code), { status, headers });
    await expect(askSts(REQUEST, fetch)).rejects.toMatchObject({ code: 'unavailable', retryAfter });
  });

  test('where the answer is too long, without reading all of it', async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(4096));
      },
    });
    const said = await refusalOfAnswer(askSts(REQUEST, async () => new Response(endless)));
    expect(said).toBe('unavailable: sts.amazonaws.com gave no answer');
    expect(pulled).toBeLessThan(10);
  });

  test('where there is no answer within the time, or no connection', async () => {
    const { cloud: other, sign: signed } = smallAws();
    const request = examine(signed());
    other.faults.set('hang', { times: 1 });
    const late = askSts(request, other.fetch, { milliseconds: 1 });
    await expect(late).rejects.toMatchObject({ code: 'unavailable' });
    other.faults.set('network_error', { times: 1 });
    await expect(askSts(request, other.fetch)).rejects.toMatchObject({ code: 'unavailable' });
    expect((await askSts(request, other.fetch)).account).toBe('111111111111');
  });
});

test('a good answer has no credentials in it, nor has a refusal', async () => {
  const secrets = [credentials.secretAccessKey, credentials.sessionToken ?? ''];
  const identity = JSON.stringify(await askSts(REQUEST, cloud.fetch));
  const refusal = await refusalOfAnswer(
    askSts(REQUEST, answering(errorText('X'), { status: 403 })),
  );
  for (const secret of secrets) expect(identity + refusal).not.toContain(secret);
});

test('a signature is good as a whole: with any digit changed it is denied', async () => {
  const authorization = REQUEST.headers.get('authorization') ?? '';
  for (let back = 1; back <= 64; back += 1) {
    const at = authorization.length - back;
    const digit = authorization[at] === '0' ? '1' : '0';
    const changed = authorization.slice(0, at) + digit + authorization.slice(at + 1);
    const headers = new Map([...REQUEST.headers, ['authorization', changed]]);
    const said = await refusalOfAnswer(askSts({ ...REQUEST, headers }, cloud.fetch));
    expect(said).toContain('SignatureDoesNotMatch');
  }
});
