/** Allow rules of a join token (rule 3: exact matches, without case where Azure's names have none). */
import type { AllowRule } from './join-token.ts';

/** Facts about a machine; `undefined` where one is not known yet. GUIDs are in lower case. */
export interface MachineFacts {
  readonly tenant: string | undefined;
  readonly subscription: string | undefined;
  readonly resourceGroup: string | undefined;
}

/** The first rule that admits a machine of which everything is known; otherwise what stood in the way of each. */
export type RuleDecision =
  | { readonly admitted: true; readonly rule: number }
  | { readonly admitted: false; readonly mismatches: readonly string[] };

/** Decides on verified facts. */
export function evaluateAllowRules(rules: readonly AllowRule[], facts: MachineFacts): RuleDecision {
  const mismatches = rules.map((rule) => mismatchOf(rule, facts, 'unknown facts do not match'));
  const rule = mismatches.indexOf(undefined);
  if (rule >= 0) return { admitted: true, rule };
  return {
    admitted: false,
    mismatches: mismatches.map((field, i) => `azure.allow[${i}].${field}`),
  };
}

/**
 * Whether any rule could admit a machine of which only a part is known, so that nothing is fetched for a caller whom
 * no rule would admit.
 */
export function couldMatch(rules: readonly AllowRule[], facts: MachineFacts): boolean {
  return rules.some((rule) => mismatchOf(rule, facts, 'unknown facts may match') === undefined);
}

/** The field of a rule that does not hold. */
function mismatchOf(
  rule: AllowRule,
  facts: MachineFacts,
  unknown: 'unknown facts may match' | 'unknown facts do not match',
): keyof AllowRule | undefined {
  const holds = (fact: string | undefined, accepted: readonly string[] | undefined): boolean => {
    if (accepted === undefined) return true;
    if (fact === undefined) return unknown === 'unknown facts may match';
    return accepted.some((value) => value.toLowerCase() === fact.toLowerCase());
  };
  if (!holds(facts.tenant, rule.tenant === undefined ? undefined : [rule.tenant])) return 'tenant';
  if (!holds(facts.subscription, rule.subscription === undefined ? undefined : [rule.subscription]))
    return 'subscription';
  return holds(facts.resourceGroup, rule.resource_groups) ? undefined : 'resource_groups';
}
