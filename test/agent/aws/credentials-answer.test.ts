/** Credentials go into headers of HTTP: each is of one form, and nothing stands around it. */
import { describe, expect, test } from 'vitest';
import { parseCredentialsAnswer } from '../../../agent/aws/credentials-answer.ts';

const RIGHT = {
  AccessKeyId: 'ASIAIOSFODNN7EXA',
  SecretAccessKey: 'wJalrXUtnFEMI/K7',
  Token: 'IQoJb3JpZ2luX2Vj',
  Expiration: '2026-11-20T20:05:00Z',
};
const read = (changes: object) => parseCredentialsAnswer(JSON.stringify({ ...RIGHT, ...changes }));

describe('credentials are read', () => {
  test.each([
    ['as short as they may be', {}],
    [
      'as long as they may be',
      { AccessKeyId: 'A'.repeat(128), SecretAccessKey: '~'.repeat(128), Token: '!'.repeat(8192) },
    ],
  ])('%s', (_, changes) => {
    const { AccessKeyId, SecretAccessKey, Token } = { ...RIGHT, ...changes };
    expect(read(changes)).toMatchObject({
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: Token,
    });
  });
});

describe('credentials are none', () => {
  const cases = (field: keyof typeof RIGHT, most: number) =>
    [
      ['too short', RIGHT[field].slice(1)],
      ['too long', 'A'.repeat(most + 1)],
      ['with a space before', ` ${RIGHT[field]}`],
      ['with a line feed behind', `${RIGHT[field]}\n`],
      ['of two lines', `${RIGHT[field]}\r\nx-header: ${RIGHT[field]}`],
    ].map(([what, value]) => [field, what, value] as const);

  test.each([
    ...cases('AccessKeyId', 128),
    ...cases('SecretAccessKey', 128),
    ...cases('Token', 8192),
    ['Expiration', 'at no time', 'soon'] as const,
  ])('whose %s is %s', (field, _, value) => {
    expect(read({ [field]: value })).toBeUndefined();
  });
});
