import { expect, test } from 'vitest';
import { parseStsAuthorization } from '../../../../shared/attestation/aws/sts-authorization.ts';

const KEY = 'AKIAIOSFODNN7EXA';
const SIGNATURE = 'a'.repeat(64);
const header = ({
  key = KEY,
  date = '20261120',
  region = 'us-east-1',
  headers = 'host;x-amz-date',
  signature = SIGNATURE,
} = {}): string =>
  `AWS4-HMAC-SHA256 Credential=${key}/${date}/${region}/sts/aws4_request, SignedHeaders=${headers}, Signature=${signature}`;
const names = (count: number, length = 1): string =>
  Array.from({ length: count }, () => 'h'.repeat(length)).join(';');

test('says by which key, for which day and region, and over what', () => {
  expect(parseStsAuthorization(header())).toEqual({
    accessKeyId: KEY,
    date: '20261120',
    region: 'us-east-1',
    signedHeaders: ['host', 'x-amz-date'],
  });
});

test.each([
  ['the longest key', { key: 'A'.repeat(128) }],
  ['the longest region', { region: 'r'.repeat(32) }],
  ['sixteen headers', { headers: names(16) }],
  ['the longest name of a header', { headers: names(2, 64) }],
])('reads %s', (_, parts) => {
  expect(() => parseStsAuthorization(header(parts))).not.toThrow();
});

test.each<[string, string | undefined]>([
  ['none', undefined],
  ['an empty one', ''],
  ['one with something before it', ` ${header()}`],
  ['one with something after it', `${header()} `],
  ['two', `${header()}\n${header()}`],
  ['another algorithm', header().replace('SHA256', 'SHA512')],
  ['another service', header().replace('/sts/', '/iam/')],
  ['another end of the scope', header().replace('aws4_request', 'aws4_other')],
  ['another order', header().replace('SignedHeaders=', 'Signature=')],
  ['no space between the parts', header().replaceAll(', ', ',')],
  ['a short key', header({ key: KEY.slice(1) })],
  ['too long a key', header({ key: 'A'.repeat(129) })],
  ['a key in lower case', header({ key: KEY.toLowerCase() })],
  ['a short date', header({ date: '2026112' })],
  ['too long a date', header({ date: '202611200' })],
  ['a date with letters', header({ date: '2026112x' })],
  ['no region', header({ region: '' })],
  ['too long a region', header({ region: 'r'.repeat(33) })],
  ['a region in upper case', header({ region: 'US' })],
  ['no headers', header({ headers: '' })],
  ['an empty name among the headers', header({ headers: 'a;;b' })],
  ['a separator at the end', header({ headers: 'a;' })],
  ['seventeen headers', header({ headers: names(17) })],
  ['too long a name first', header({ headers: names(1, 65) })],
  ['too long a name later', header({ headers: `a;${names(1, 65)}` })],
  ['a name in upper case', header({ headers: 'Host' })],
  ['a short signature', header({ signature: SIGNATURE.slice(1) })],
  ['too long a signature', header({ signature: `${SIGNATURE}a` })],
  ['a signature in upper case', header({ signature: SIGNATURE.toUpperCase() })],
])('refuses %s', (_, text) => {
  expect(() => parseStsAuthorization(text)).toThrow(
    expect.objectContaining({ reason: 'sts_request_malformed' }),
  );
});
