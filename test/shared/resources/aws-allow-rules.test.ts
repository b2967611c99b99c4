import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseWith, sentenceOf } from '../../../shared/protocol/schema.ts';
import { matchesArn } from '../../../shared/resources/arn-pattern.ts';
import { awsAllowRule, evaluateAwsRules } from '../../../shared/resources/aws-allow-rules.ts';

const ROLE = 'arn:aws:sts::111111111111:assumed-role/teleport-bot-role';
const ARN = `${ROLE}/i-0abc`;
const FACTS = { account: '111111111111', arn: ARN };

describe('I1, I2: an ARN', () => {
  test.each([
    // Exactly
    [ARN, ARN, true],
    [ARN, ARN.toUpperCase(), false],
    [ARN, `${ARN}d`, false],
    [ARN, `x${ARN}`, false],
    [ROLE, ARN, false],
    // A star
    [`${ROLE}/i-*`, ARN, true],
    [`${ROLE}/i-*`, `${ROLE}/i-`, true],
    [`${ROLE}/i-*`, `${ROLE}/x-i-0abc`, false],
    [`${ROLE}/*`, ARN, true],
    [`${ROLE}/*abc`, ARN, true],
    [`${ROLE}/*abc`, `${ROLE}/i-0abcd`, false],
    [`${ROLE}/*a*c`, `${ROLE}/xxabxabc`, true],
    [`${ROLE}/**`, ARN, true],
    [`${ROLE}*`, ARN, true],
    [`${ROLE}*`, ARN.replace('bot-role', 'bot-role-2'), true],
    [`${ROLE}/*`, ARN.replace('bot-role', 'bot-role-2'), false],
    ['arn:aws:iam::111111111111:user/*', 'arn:aws:iam::111111111111:user/path/name', true],
    ['arn:*:*::111111111111:*', ARN, true],
    // It stays in its part of the ARN
    ['arn:aws:sts::111111111111*', ARN, false],
    ['arn:*', ARN, false],
    ['*', ARN, false],
    ['arn:aws:sts::111111111111:*', ARN.replace('111111111111', '222222222222'), false],
    // A question mark
    [`${ROLE}/???`, `${ROLE}/abc`, true],
    [`${ROLE}/???`, `${ROLE}/abcd`, false],
    [`${ROLE}/???`, `${ROLE}/ab`, false],
    [`${ROLE}/i-0ab?`, ARN, true],
    [`${ROLE}/i-0abc?`, ARN, false],
    [`${ROLE}?i-0abc`, ARN, true],
    ['arn:aws:sts?:111111111111:*', ARN, false],
    [`${ROLE}/?*`, `${ROLE}/`, false],
    // What other languages of patterns have means itself
    [`${ROLE}/i-.*`, ARN, false],
    [`${ROLE}/i-[0]abc`, ARN, false],
    [`${ROLE}/(i-0abc|x)`, ARN, false],
  ])('%s against %s: %s', (pattern, arn, fits) => {
    expect(matchesArn(pattern, arn)).toBe(fits);
  });

  test('fits as a regular expression of the same meaning says', () => {
    const letter = fc.constantFrom('a', 'b', '/');
    const text = fc.array(letter, { maxLength: 12 }).map((parts) => parts.join(''));
    const pattern = fc
      .array(fc.oneof(letter, fc.constantFrom('*', '?')), { maxLength: 8 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(pattern, text, (some, one) => {
        const expected = new RegExp(`^${some.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
        expect(matchesArn(`a:b:c:d:e:${some}`, `a:b:c:d:e:${one}`)).toBe(expected.test(one));
      }),
      { numRuns: 2000 },
    );
  });

  test('is compared at once, whatever the pattern', () => {
    // With backtracking over every star this would take longer than the universe has.
    const pattern = `a:b:c:d:e:${'*a'.repeat(500)}b`;
    expect(matchesArn(pattern, `a:b:c:d:e:${'a'.repeat(2000)}`)).toBe(false);
  });
});

describe('rules', () => {
  const other = { aws_account: '222222222222' };
  test.each([
    ['an account', [{ aws_account: '111111111111' }], 0],
    ['an ARN', [{ aws_arn: `${ROLE}/i-*` }], 0],
    ['both', [{ aws_account: '111111111111', aws_arn: `${ROLE}/i-*` }], 0],
    ['the second of two', [other, { aws_account: '111111111111' }], 1],
  ])('admit by %s', (_, rules, rule) => {
    expect(evaluateAwsRules(rules, FACTS)).toEqual({ admitted: true, rule });
  });

  test.each([
    ['another account', [other], ['allow[0].aws_account']],
    ['another ARN', [{ aws_arn: `${ROLE}/x-*` }], ['allow[0].aws_arn']],
    [
      'an account that fits and an ARN that does not',
      [{ aws_account: '111111111111', aws_arn: `${ROLE}/???` }],
      ['allow[0].aws_arn'],
    ],
    ['several', [other, { aws_arn: `${ROLE}/x` }], ['allow[0].aws_account', 'allow[1].aws_arn']],
    ['none', [], []],
  ])('do not admit by %s, and say what stood in the way', (_, rules, mismatches) => {
    expect(evaluateAwsRules(rules, FACTS)).toEqual({ admitted: false, mismatches });
  });
});

describe('a rule is accepted with', () => {
  test.each([
    [{ aws_account: '111111111111' }],
    [{ aws_account: '111111111111', aws_arn: `${ROLE}/i-*` }],
    [{ aws_account: '111111111111', aws_arn: 'arn:aws:sts::*:assumed-role/x/*' }],
    [{ aws_arn: `${ROLE}/i-*` }],
    [{ aws_arn: 'arn:aws-cn:iam::111111111111:user/path/name' }],
    [{ aws_arn: 'arn:*:*::111111111111:*' }],
  ])('%j', (rule) => {
    expect(parseWith(awsAllowRule, rule)).toEqual({ ok: true, value: rule });
  });
});

describe('a rule is refused with', () => {
  test.each([
    [{}, 'expected an account'],
    [{ aws_arn: 'arn:aws:sts::*:assumed-role/x/*' }, 'expected an account'],
    [{ aws_arn: 'arn:aws:sts::11111111111?:assumed-role/x/*' }, 'expected an account'],
    [{ aws_account: '' }, 'aws_account: expected an AWS account'],
    [{ aws_account: '11111111111' }, 'aws_account: expected an AWS account'],
    [{ aws_account: '1111111111111' }, 'aws_account: expected an AWS account'],
    [{ aws_account: '11111111111*' }, 'aws_account: expected an AWS account'],
    [{ aws_account: 111111111111 }, 'aws_account: expected an AWS account: 12 digits, in quotes'],
    [{ aws_arn: '*', aws_account: '111111111111' }, 'aws_arn: expected an ARN'],
    [{ aws_arn: 'arn:aws:sts::111111111111' }, 'aws_arn: expected an ARN'],
    [{ aws_arn: `${ROLE}:more` }, 'aws_arn: expected an ARN'],
    [{ aws_arn: `${ROLE}/i \n` }, 'aws_arn: expected an ARN'],
    [{ aws_arn: 'arn:aws:sts:us-east-1:111111111111:x' }, 'aws_arn: expected an ARN'],
    [{ aws_arn: 'arn:aws:iam::111111111111:role/teleport-bot-role' }, 'not that of the role'],
    [{ aws_account: '222222222222', aws_arn: `${ROLE}/*` }, 'expected the same account'],
    [{ aws_account: '111111111111', aws_role: 'x' }, 'aws_role: unknown field'],
  ])('%j', (rule, message) => {
    const parsed = parseWith(awsAllowRule, rule);
    expect(parsed.ok ? 'accepted' : sentenceOf(parsed.problem)).toContain(message);
  });
});
