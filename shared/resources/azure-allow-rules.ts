/** Allow rules of a join token (rule 3: exact matches, without case where Azure's names have none). */
import * as z from 'zod/mini';
import { foldAzureName, isSameAzureName } from '../encoding/azure-name.ts';
import { guid } from '../protocol/values.ts';

/** What an Azure resource group may be called. Compared without case. */
const resourceGroup = z.string().check(
  z.regex(/^[\p{L}\p{N}._()-]{1,90}$/u, "expected a resource group's whole name"),
  z.refine(
    (group) => foldAzureName(group) !== undefined,
    'expected letters that have one lower and one upper case at most: this name could be taken for another one',
  ),
);

/** One way to match: every part that a rule names must hold. A rule that restricts nothing is refused (rule 9). */
export const azureAllowRule = z
  .strictObject({
    tenant: z.optional(guid),
    subscription: z.optional(guid),
    resource_groups: z.optional(
      z
        .array(resourceGroup)
        .check(z.minLength(1, 'expected at least one resource group'), z.maxLength(100)),
    ),
  })
  .check(
    z.refine(
      (rule) => rule.tenant !== undefined || rule.subscription !== undefined,
      'expected a tenant, a subscription, or both: a rule that names neither would admit every machine of Azure',
    ),
    z.refine((rule) => rule.resource_groups === undefined || rule.subscription !== undefined, {
      error:
        'expected the subscription that the groups lie in: whoever has another one may name a group alike',
      path: ['subscription'],
    }),
  );
export type AzureAllowRule = z.infer<typeof azureAllowRule>;

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
export function evaluateAllowRules(
  rules: readonly AzureAllowRule[],
  facts: MachineFacts,
): RuleDecision {
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
export function couldMatch(rules: readonly AzureAllowRule[], facts: MachineFacts): boolean {
  return rules.some((rule) => mismatchOf(rule, facts, 'unknown facts may match') === undefined);
}

/** The field of a rule that does not hold. */
function mismatchOf(
  rule: AzureAllowRule,
  facts: MachineFacts,
  unknown: 'unknown facts may match' | 'unknown facts do not match',
): keyof AzureAllowRule | undefined {
  const holds = (fact: string | undefined, accepted: readonly string[] | undefined): boolean => {
    if (accepted === undefined) return true;
    if (fact === undefined) return unknown === 'unknown facts may match';
    return accepted.some((value) => isSameAzureName(value, fact));
  };
  if (!holds(facts.tenant, rule.tenant === undefined ? undefined : [rule.tenant])) return 'tenant';
  if (!holds(facts.subscription, rule.subscription === undefined ? undefined : [rule.subscription]))
    return 'subscription';
  return holds(facts.resourceGroup, rule.resource_groups) ? undefined : 'resource_groups';
}
