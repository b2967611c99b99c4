/**
 * Patterns of ARNs in allow rules: `*` stands for any number of characters, `/` among them, `?` for exactly one. Anchored at
 * both ends, and no wildcard reaches over a colon into another part of the ARN (rule 3). Case counts, as in AWS.
 */

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
  return patterns.every((part, i) => matchesPart(part, parts[i] ?? ''));
}

/**
 * Between two stars, the first place that fits is as good as any later one. So no choice is ever taken back but the last
 * star's, and the time is at most the product of both lengths, whatever the pattern.
 */
function matchesPart(pattern: string, text: string): boolean {
  let [p, t] = [0, 0];
  let star: { readonly after: number; from: number } | undefined;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = { after: p + 1, from: t };
      p += 1;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p += 1;
      t += 1;
    } else if (star) {
      star.from += 1;
      [p, t] = [star.after, star.from];
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}
