import { describe, expect, test } from 'vitest';
import { parseCallerArn } from '../../../../shared/attestation/aws/caller-arn.ts';

const ACCOUNT = '111111111111';
const name = (length: number): string => 'n'.repeat(length);

/** The forms, and how long the last name in each may be. */
const FORMS = [
  ['a role', `arn:aws:sts::${ACCOUNT}:assumed-role/role/`, 2, 64],
  ['a federated user', `arn:aws:sts::${ACCOUNT}:federated-user/`, 2, 32],
  ['a user', `arn:aws:iam::${ACCOUNT}:user/`, 1, 64],
  ['a user with a path', `arn:aws:iam::${ACCOUNT}:user/division/team=1,!/`, 1, 64],
] as const;
const ROOT = `arn:aws:iam::${ACCOUNT}:root`;
const ALL = [...FORMS.map(([, before]) => `${before}some.name@x+y=z,1_-`), ROOT];

describe('a caller is known by', () => {
  test.each(ALL)('%s, in each partition', (arn) => {
    for (const partition of ['aws', 'aws-cn', 'aws-us-gov'])
      expect(parseCallerArn(arn.replace('arn:aws:', `arn:${partition}:`))).toEqual({
        partition,
        account: ACCOUNT,
      });
  });

  test.each(FORMS)('%s whose name is as long as IAM lets it be', (_, before, least, most) => {
    for (const length of [least, most])
      expect(parseCallerArn(before + name(length))).toMatchObject({ account: ACCOUNT });
    for (const length of [least - 1, most + 1])
      expect(parseCallerArn(before + name(length))).toBeUndefined();
  });

  test('a role whose own name has 1 to 64 letters', () => {
    const of = (length: number) =>
      parseCallerArn(ALL[0]?.replace('/role/', `/${name(length)}/`) ?? '');
    expect([of(0), of(65)]).toEqual([undefined, undefined]);
    expect([of(1)?.account, of(64)?.account]).toEqual([ACCOUNT, ACCOUNT]);
  });
});

describe('nobody is known by', () => {
  test.each(ALL)('%s with anything before or after it, or in it', (arn) => {
    const others = [
      `x${arn}`,
      ` ${arn}`,
      `\n${arn}`,
      `${arn}\n`,
      `${arn} `,
      `${arn}/`,
      `${arn}\0`,
      `${arn}é`,
      `${arn}*`,
      `${arn}\n${arn}`,
      arn.replace('::', ':us-east-1:'),
      arn.replace(ACCOUNT, `${ACCOUNT}1`),
      arn.replace(ACCOUNT, ACCOUNT.slice(1)),
      arn.replace(ACCOUNT, '11111111111x'),
      arn.replace(ACCOUNT, ''),
      arn.replace('arn:aws:', 'arn:aws-other:'),
      arn.replace('arn:aws:', 'arn::'),
      arn.replace(/:(sts|iam):/, (service) => (service === ':sts:' ? ':iam:' : ':sts:')),
      arn.toUpperCase(),
    ];
    for (const other of others) expect([other, parseCallerArn(other)]).toEqual([other, undefined]);
  });

  test.each([
    '',
    `arn:aws:iam::${ACCOUNT}:role/role`,
    `arn:aws:sts::${ACCOUNT}:assumed-role/role`,
    `arn:aws:sts::${ACCOUNT}:assumed-role/role/session/more`,
    `arn:aws:sts::${ACCOUNT}:federated-user/a/path`,
    `arn:aws:iam::${ACCOUNT}:user//name`,
    `arn:aws:iam::${ACCOUNT}:user/a:b/name`,
    `arn:aws:iam::${ACCOUNT}:user/a b/name`,
  ])('%s', (arn) => {
    expect(parseCallerArn(arn)).toBeUndefined();
  });

  test('more than 2,048 letters', () => {
    const long = (length: number) => {
      const [before, after] = [`arn:aws:iam::${ACCOUNT}:user/`, '/robot'];
      return before + name(length - before.length - after.length) + after;
    };
    expect(parseCallerArn(long(2048))).toMatchObject({ account: ACCOUNT });
    expect(parseCallerArn(long(2049))).toBeUndefined();
  });
});
