import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { askSts } from '../../../../shared/attestation/aws/caller-identity.ts';
import {
  examineStsRequest,
  STS_REQUEST_SECONDS,
} from '../../../../shared/attestation/aws/sts-request.ts';
import { GLOBAL_STS, STS_BODY, STS_ENDPOINTS } from '../../../../shared/protocol/sts.ts';
import {
  DIGEST,
  examine,
  NOW,
  OTHER_DIGEST,
  refusalOf,
  requestOf,
  secondsLater,
  smallAws,
  textOf,
  withoutHeader,
  withSignedHeader,
} from './signed-request.ts';

const { cloud, account, sign } = smallAws();
const GOOD = textOf(sign());

const sessionToken =
  (length: number) =>
  (text: string): string =>
    text.replace(/(X-Amz-Security-Token: )[^\r]+/, `$1${'a'.repeat(length)}`);

test('evidence may be shown for its age, and as long as clocks differ', () => {
  expect(STS_REQUEST_SECONDS).toBe(360);
});

describe('I1: accepts', () => {
  test.each([...STS_ENDPOINTS.values()])('a request for $host', (endpoint) => {
    const request = examine(sign({ endpoint }));
    expect(request.endpoint).toBe(endpoint);
    expect(request.signedAt).toEqual(NOW);
  });

  test.each([
    ['without a session token: of a user', withoutHeader('x-amz-security-token')],
    ['without a length', withoutHeader('content-length')],
    ['whose type names no character set', (text: string) => text.replace('; charset=utf-8', '')],
    ['with the shortest session token', sessionToken(16)],
    ['with the longest session token', sessionToken(8192)],
    ['that asks for JSON', withSignedHeader('Accept', 'application/json')],
    [
      "that signs the body's hash",
      withSignedHeader(
        'X-Amz-Content-Sha256',
        'ab821ae955788b0e33ebd34c208442ccfc2d406e2edc5e7a39bd6458fbb4f843',
      ),
    ],
    ['that writes names in lower case', (text: string) => text.replace('Host:', 'host:')],
  ])('a request %s', (_, change) => {
    const text = change(GOOD);
    expect(text).not.toBe(GOOD);
    expect(refusalOf(() => examine(requestOf(text)))).toBe('accepted');
  });

  test.each([-60, 0, 300])('a request when %i s have gone by', (seconds) => {
    expect(refusalOf(() => examine(sign(), secondsLater(seconds)))).toBe('accepted');
  });

  test('and passes on what was signed, and nothing that the sender of a request decides itself', () => {
    expect([...examine(sign()).headers.keys()].toSorted()).toEqual([
      'authorization',
      'content-type',
      'x-amz-date',
      'x-amz-security-token',
      'x-join-broker-digest',
    ]);
  });
});

const replaced =
  (from: string | RegExp, to: string) =>
  (text: string): string =>
    text.replace(from, to);
const host = (name: string) => replaced('sts.amazonaws.com', name);

describe('I2: refuses', () => {
  test.each<[string, (text: string) => string, string]>([
    // Host
    ...[
      'sts.evil.example',
      'sts.amazonaws.com.evil.example',
      'evil-sts.amazonaws.com',
      'sts.amazonaws.com.cn',
      'sts.s3.amazonaws.com',
      'sts.us-east-9.amazonaws.com',
      'iam.amazonaws.com',
      'STS.amazonaws.com',
      'sts.amazonaws.com.',
      'sts.amazonaws.com:443',
      'user@sts.amazonaws.com',
      'sts.amazonaws.com/x',
      '127.0.0.1',
    ].map(
      (name) =>
        [`the host ${name}`, host(name), 'sts_request_host'] as [
          string,
          (t: string) => string,
          string,
        ],
    ),
    ['a host that is not the first header', withHostLast, 'sts_request_malformed'],
    ['no host', withoutHeader('host'), 'sts_request_malformed'],
    // Call
    ['another method', replaced('POST', 'GET'), 'sts_request_malformed'],
    ['a method in lower case', replaced('POST', 'post'), 'sts_request_malformed'],
    ['another path', replaced('POST / ', 'POST /x '), 'sts_request_malformed'],
    ['a query', replaced('POST / ', 'POST /?Action=AssumeRole '), 'sts_request_malformed'],
    [
      'an absolute path',
      replaced('POST / ', 'POST https://evil.example/ '),
      'sts_request_malformed',
    ],
    ['another version of HTTP', replaced('HTTP/1.1', 'HTTP/1.0'), 'sts_request_malformed'],
    ['another action', replaced('GetCallerIdentity&', 'GetSessionToken&'), 'sts_request_malformed'],
    [
      'another order in the body',
      replaced(STS_BODY, 'Version=2011-06-15&Action=GetCallerIdentity'),
      'sts_request_malformed',
    ],
    ['more in the body', (text) => `${text}&Action=AssumeRole`, 'sts_request_malformed'],
    ['a line feed behind the body', (text) => `${text}\n`, 'sts_request_malformed'],
    ['no body', replaced(STS_BODY, ''), 'sts_request_malformed'],
    // Form
    ['line feeds alone', (text) => text.replaceAll('\r\n', '\n'), 'sts_request_malformed'],
    ['a folded header', replaced('Content-Type: ', 'Content-Type:\r\n '), 'sts_request_malformed'],
    [
      'a header twice',
      replaced('\r\nAuth', '\r\nhost: sts.amazonaws.com\r\nAuth'),
      'sts_request_malformed',
    ],
    ['two spaces in a header', replaced('Host: ', 'Host:  '), 'sts_request_malformed'],
    [
      'a space behind a header',
      replaced('amazonaws.com\r\n', 'amazonaws.com \r\n'),
      'sts_request_malformed',
    ],
    ['a space before the colon', replaced('Host:', 'Host :'), 'sts_request_malformed'],
    ['a control character', replaced('Host: ', 'Host: \t'), 'sts_request_malformed'],
    ['what is no ASCII', replaced('Host: ', 'Host: \xe9'), 'sts_request_malformed'],
    [
      'a bare carriage return',
      replaced('amazonaws.com\r\n', 'amazonaws.com\rX: y\r\n'),
      'sts_request_malformed',
    ],
    [
      'a hundred headers',
      replaced(
        '\r\nAuth',
        `${Array.from({ length: 100 }, (_, i) => `\r\nX-${i}: y`).join('')}\r\nAuth`,
      ),
      'sts_request_malformed',
    ],
    // Headers
    [
      'an unknown signed header',
      withSignedHeader('X-Forwarded-Host', 'evil.example'),
      'sts_request_malformed',
    ],
    [
      'a header that is named like a property of every object',
      withSignedHeader('constructor', 'x'),
      'sts_request_malformed',
    ],
    ['a target', withSignedHeader('X-Amz-Target', 'x'), 'sts_request_malformed'],
    ['chunks', withSignedHeader('Transfer-Encoding', 'chunked'), 'sts_request_malformed'],
    [
      'an unsigned header',
      replaced('\r\nAuth', '\r\nAccept: application/json\r\nAuth'),
      'sts_request_malformed',
    ],
    ['another length', replaced('Length: 43', 'Length: 44'), 'sts_request_malformed'],
    ['another type', replaced('x-www-form-urlencoded', 'json'), 'sts_request_malformed'],
    ['no type', withoutHeader('content-type'), 'sts_request_malformed'],
    ['an answer in another form', withSignedHeader('Accept', 'text/xml'), 'sts_request_malformed'],
    [
      "another body's hash",
      withSignedHeader('X-Amz-Content-Sha256', '0'.repeat(64)),
      'sts_request_malformed',
    ],
    // Authorization
    ['no Authorization', replaced(/\r\nAuthorization: [^\r]*/, ''), 'sts_request_malformed'],
    [
      'another algorithm',
      replaced('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256'),
      'sts_request_malformed',
    ],
    ['another service', replaced('/sts/', '/iam/'), 'sts_request_malformed'],
    [
      'a region that is not the host’s',
      replaced('/us-east-1/', '/eu-west-1/'),
      'sts_request_malformed',
    ],
    ['another terminator', replaced('/aws4_request', '/aws5_request'), 'sts_request_malformed'],
    ['no signature', replaced(/, Signature=.*/, ''), 'sts_request_malformed'],
    ['a short signature', replaced(/(Signature=.*)./, '$1'), 'sts_request_malformed'],
    [
      'a signature in upper case',
      replaced(/Signature=.*/, `Signature=${'A'.repeat(64)}`),
      'sts_request_malformed',
    ],
    [
      'a name that is signed but absent',
      replaced('=content-length', '=accept;content-length'),
      'sts_request_malformed',
    ],
    ['the host unsigned', replaced(';host', ''), 'sts_request_malformed'],
    ['the date unsigned', replaced(';x-amz-date', ''), 'sts_request_malformed'],
    [
      'names that are not sorted',
      replaced('content-type;host', 'host;content-type'),
      'sts_request_malformed',
    ],
    ['a name twice', replaced(';host', ';host;host'), 'sts_request_malformed'],
    // Bound
    ['the digest absent', withoutHeader('x-join-broker-digest'), 'sts_request_not_bound'],
    ['the digest unsigned', replaced(';x-join-broker-digest', ''), 'sts_request_not_bound'],
    ['the digest of another request', replaced(DIGEST, OTHER_DIGEST), 'sts_request_not_bound'],
    ['the digest in upper case', replaced(DIGEST, DIGEST.toUpperCase()), 'sts_request_not_bound'],
    ['a part of the digest', replaced(DIGEST, DIGEST.slice(0, 32)), 'sts_request_not_bound'],
    // Times
    ['no date', withoutHeader('x-amz-date'), 'sts_request_malformed'],
    [
      'a date in another form',
      replaced(/X-Amz-Date: \S*/, 'X-Amz-Date: 2026-11-20T19:05:00Z'),
      'sts_request_malformed',
    ],
    ...['x$2', '$2x', 'T$2'].map((date): [string, (text: string) => string, string] => [
      `a date with more in it: ${date}`,
      replaced(/(X-Amz-Date: )(\S+)/, `$1${date}`),
      'sts_request_malformed',
    ]),
    [
      "the scope's day before a date",
      replaced('X-Amz-Date: 20261120', 'X-Amz-Date: 2026112020261120'),
      'sts_request_malformed',
    ],
    ...['%$2', '$2%', 'a b', 'a'.repeat(15), 'a'.repeat(8193)].map(
      (token): [string, (text: string) => string, string] => [
        `a session token of another form: ${token.slice(0, 20)}`,
        replaced(/(X-Amz-Security-Token: )([^\r]+)/, `$1${token}`),
        'sts_request_malformed',
      ],
    ),
    [
      'a day that no calendar has',
      (text) => text.replaceAll('20261120', '20261131'),
      'sts_request_malformed',
    ],
    ['a scope of another day', replaced('/20261120/', '/20261119/'), 'sts_request_malformed'],
  ])('%s', (_, change, reason) => {
    const text = change(GOOD);
    expect(text).not.toBe(GOOD);
    expect(refusalOf(() => examine(requestOf(text)))).toMatch(`${reason}: `);
  });

  test.each([
    [-61, "61 s ahead: the machine's clock is off"],
    [-3600, "3600 s ahead: the machine's clock is off"],
    [301, '301 s ago, longer than 300 s'],
    [3600, '3600 s ago, longer than 300 s'],
  ])('a request when %i s have gone by', (seconds, said) => {
    expect(refusalOf(() => examine(sign(), secondsLater(seconds)))).toBe(
      `sts_request_times: the request was signed ${said}`,
    );
  });

  test.each([
    ['is absent', withoutHeader('x-join-broker-digest')],
    ['is not signed', replaced(';x-join-broker-digest', '')],
  ])('a digest that %s, and says so', (problem, change) => {
    expect(refusalOf(() => examine(requestOf(change(GOOD))))).toBe(
      `sts_request_not_bound: the header x-join-broker-digest ${problem}`,
    );
  });

  test.each([
    ['nothing', ''],
    ['what is no base64', '%%%'],
    ['base64url', Buffer.from('POST / HTTP/1.1\xff\xfe', 'latin1').toString('base64url')],
    ['base64 in another form', `${sign()}=`],
    ['base64 with a line feed', `${sign()}\n`],
    ['headers that never end', requestOf(GOOD.slice(0, GOOD.indexOf('\r\n\r\n')))],
  ])('%s', (_, request) => {
    expect(refusalOf(() => examine(request))).toMatch('sts_request_malformed: ');
  });

  test.each([
    ['more than is ever signed', 'A'.repeat(16_388), 'expected at most 16384 characters'],
    [
      'more headers than there are, whatever they say',
      requestOf(GOOD.replace('\r\nAuth', `${'\r\nno header'.repeat(100)}\r\nAuth`)),
      'expected at most 10 headers',
    ],
  ])('%s, before anything is made of it', (_, request, message) => {
    expect(refusalOf(() => examine(request))).toContain(message);
  });

  test('a request that was signed for another join', () => {
    const request = sign({ digest: OTHER_DIGEST });
    expect(refusalOf(() => examine(request))).toBe(
      'sts_request_not_bound: the header x-join-broker-digest is of another join request',
    );
    const context = { digest: OTHER_DIGEST, at: NOW };
    expect(refusalOf(() => examineStsRequest(request, context))).toBe('accepted');
  });
});

function withHostLast(text: string): string {
  const line = 'Host: sts.amazonaws.com\r\n';
  return text.replace(line, '').replace('\r\n\r\n', `\r\n${line}\r\n`);
}

test('no mutated request passes: it is refused here, or by STS, or it is the very same request', async () => {
  const good = examine(requestOf(GOOD));
  const identity = await askSts(good, cloud.fetch);
  const printable = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
  const mutation = fc.record({
    at: fc.nat(GOOD.length - 1),
    removed: fc.nat(3),
    added: fc.array(printable, { maxLength: 3 }).map((parts) => parts.join('')),
  });
  await fc.assert(
    fc.asyncProperty(mutation, async ({ at, removed, added }) => {
      const text = GOOD.slice(0, at) + added + GOOD.slice(at + removed);
      const refusal = refusalOf(() => examine(requestOf(text)));
      if (refusal !== 'accepted') return;
      const request = examine(requestOf(text));
      const answer = await askSts(request, cloud.fetch).catch(() => 'denied by STS');
      const same = JSON.stringify([...request.headers]) === JSON.stringify([...good.headers]);
      expect(answer).toEqual(
        same && request.endpoint === good.endpoint ? identity : 'denied by STS',
      );
    }),
    { numRuns: 2000 },
  );
});

test('a request of one machine says nothing of another one', async () => {
  const other = account.role('other-role').session('i-0ffffffffffffffff');
  const own = textOf(sign({ endpoint: GLOBAL_STS }));
  const stolen = own.replace(/Credential=[A-Z0-9]+/, `Credential=${other.accessKeyId}`);
  await expect(askSts(examine(requestOf(stolen)), cloud.fetch)).rejects.toMatchObject({
    reason: 'sts_denied',
  });
});
