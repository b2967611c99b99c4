/**
 * Patterns of ARNs in allow rules: `*` stands for any number of characters, `/` among them, `?` for exactly one. Anchored at
 * both ends, and no wildcard reaches over a colon into another part of the ARN (rule 3). Case counts, as in AWS.
 */
import { matchesWildcard } from './wildcard.ts';

/** `arn`, partition, service, region, account, resource. */
const PARTS = 6;
const PATTERN = /^arn:[a-z*?-]{1,32}:[a-z*?-]{1,32}::[0-9*?]{1,12}:[\x21-\x39\x3b-\x7e]{1,1024}$/;

/** Whether a text is a pattern that could match a caller's ARN. */
export const isArnPattern = (text: string): boolean => PATTERN.test(text);

/** The account of a pattern; `undefined` if it has a wildcard or is none. */
export function accountOfPattern(pattern: string): string | undefined {
  const account = pattern.split(':')[4] ?? '';
  return /^\d{12}$/.test(account) ? account : undefined;
}

/** Whether an ARN fits a pattern. */
export function matchesArn(pattern: string, arn: string): boolean {
  const [patterns, parts] = [pattern.split(':'), arn.split(':')];
  if (patterns.length !== PARTS || parts.length !== PARTS) return false;
  return patterns.every((part, i) => matchesWildcard(part, parts[i] ?? ''));
}
