/** Allow rules of a join token with join method `iam`, and the decision on them. The YAML of the guides. */
import * as z from 'zod/mini';
import { accountOfPattern, isArnPattern, matchesArn } from './arn-pattern.ts';

/** The role's own ARN, which nobody who assumed the role signs as. */
const ROLE_ARN = /^arn:[^:]*:iam:[^:]*:[^:]*:role\//;

const awsArn = z.string().check(
  z.refine((text) => !ROLE_ARN.test(text), {
    error:
      'expected the ARN that "aws sts get-caller-identity" gives, arn:aws:sts::<account>:assumed-role/<role>/<session>, not that of the role',
    abort: true,
  }),
  z.refine(
    isArnPattern,
    'expected an ARN such as arn:aws:sts::111111111111:assumed-role/example-role/i-*',
  ),
);

/** One way to match: every part that a rule names must hold. Without an account it is refused (rule 9). */
export const awsAllowRule = z
  .strictObject({
    aws_account: z.optional(
      z
        .string('expected an AWS account: 12 digits, in quotes')
        .check(z.regex(/^\d{12}$/, 'expected an AWS account: 12 digits, in quotes')),
    ),
    aws_arn: z.optional(awsArn),
  })
  .check(
    z.refine(
      ({ aws_account, aws_arn }) =>
        aws_account !== undefined || accountOfPattern(aws_arn ?? '') !== undefined,
      'expected an account, in aws_account or without a wildcard in aws_arn: a rule that names none would admit every account of AWS',
    ),
    z.refine(({ aws_account, aws_arn }) => {
      const other = accountOfPattern(aws_arn ?? '');
      return aws_account === undefined || other === undefined || other === aws_account;
    }, 'expected the same account in aws_account and aws_arn: nobody is in both'),
  );
export type AwsAllowRule = z.infer<typeof awsAllowRule>;

/** Who signed, as STS said it. */
export interface AwsFacts {
  readonly account: string;
  readonly arn: string;
}

/** The first rule that admits; otherwise what stood in the way of each. */
export type AwsRuleDecision =
  | { readonly admitted: true; readonly rule: number }
  | { readonly admitted: false; readonly mismatches: readonly string[] };

export function evaluateAwsRules(rules: readonly AwsAllowRule[], facts: AwsFacts): AwsRuleDecision {
  const mismatches = rules.map((rule) => mismatchOf(rule, facts));
  const rule = mismatches.indexOf(undefined);
  if (rule >= 0) return { admitted: true, rule };
  return { admitted: false, mismatches: mismatches.map((field, i) => `allow[${i}].${field}`) };
}

/**
 * The field of a rule that does not hold. China and US Government are clouds with accounts of their own: a number alone
 * means an account of the usual one, and only an ARN can mean another.
 */
function mismatchOf(
  { aws_account, aws_arn }: AwsAllowRule,
  { account, arn }: AwsFacts,
): keyof AwsAllowRule | undefined {
  if (aws_account !== undefined && aws_account !== account) return 'aws_account';
  if (aws_arn === undefined) return arn.startsWith('arn:aws:') ? undefined : 'aws_account';
  return matchesArn(aws_arn, arn) ? undefined : 'aws_arn';
}
