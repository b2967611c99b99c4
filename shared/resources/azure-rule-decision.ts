/** Decides by the allow rules of a join token whether a machine is admitted, and says what stood in the way. */
import { foldAzureName, isSameAzureName } from '../encoding/azure-name.ts';
import type { AzureAllowRule } from './azure-allow-rules.ts';
import { matchesWildcard } from './wildcard.ts';

/** Facts about a machine; `undefined` where one is not known yet. GUIDs are in lower case. */
export interface MachineFacts {
  readonly tenant?: string | undefined;
  readonly subscription?: string | undefined;
  readonly resourceGroup?: string | undefined;
  readonly name?: string | undefined;
  /** Empty for a machine of none. */
  readonly scaleSet?: string | undefined;
  readonly location?: string | undefined;
  /** What the identity that the machine acts as can be named by: principal id, client id, resource id. */
  readonly identity?: readonly string[] | undefined;
  /** Names of tags differ in case only by accident, too; their values don't. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** The first rule that admits a machine; otherwise what stood in the way of each. */
export type RuleDecision = {
  /** Rules in audit mode that would have admitted it, counted from 1. */
  readonly audited: readonly number[];
} & (
  | { readonly admitted: true; readonly rule: number }
  | { readonly admitted: false; readonly misses: readonly string[] }
);

type Unknown = 'unknown facts may match' | 'unknown facts do not match';

/** Decides on verified facts. */
export function evaluateAllowRules(
  rules: readonly AzureAllowRule[],
  facts: MachineFacts,
  unknown: Unknown = 'unknown facts do not match',
): RuleDecision {
  const misses = rules.map((rule) => missesOf(rule, facts, unknown));
  const isAudit = (i: number): boolean => rules[i]?.mode === 'audit';
  const audited = misses.flatMap((miss, i) => (miss.length === 0 && isAudit(i) ? [i + 1] : []));
  const rule = misses.findIndex((miss, i) => miss.length === 0 && !isAudit(i));
  if (rule >= 0) return { admitted: true, rule, audited };
  const told = misses.map((miss, i) => `rule ${i + 1}: ${miss.join(' and ') || AUDIT_ONLY}`);
  return { admitted: false, misses: told, audited };
}

const AUDIT_ONLY = 'it would admit the machine, but is in audit mode';

/**
 * Whether any rule could match a machine of which only a part is known, so that nothing is fetched for a caller whom no
 * rule would admit. Rules in audit mode count: the operator wants to know.
 */
export const couldMatch = (rules: readonly AzureAllowRule[], facts: MachineFacts): boolean =>
  rules.some((rule) => missesOf(rule, facts, 'unknown facts may match').length === 0);

/** Every field of a rule that does not hold, in words. */
function missesOf(rule: AzureAllowRule, facts: MachineFacts, unknown: Unknown): string[] {
  return conditionsOf(rule, facts).flatMap(({ what, accepted, known, same }) => {
    if (known === undefined) {
      return unknown === 'unknown facts may match' ? [] : [`${what} is not known`];
    }
    if (accepted.some((value) => known.some((fact) => same(value, fact)))) return [];
    const is = known[0] ? ` \`${known[0]}\`` : '';
    return [`${what}${is || ' (none)'} is not in [${listed(accepted)}]`];
  });
}

interface Condition {
  readonly what: string;
  readonly accepted: readonly string[];
  /** All names of the fact, any of which may match; the first is shown. */
  readonly known: readonly string[] | undefined;
  readonly same: (accepted: string, fact: string) => boolean;
}

function conditionsOf(rule: AzureAllowRule, facts: MachineFacts): readonly Condition[] {
  const condition = (
    what: string,
    accepted: string | readonly string[] | undefined,
    known: string | readonly string[] | undefined,
    same: Condition['same'] = isSameAzureName,
  ): Condition[] =>
    accepted === undefined
      ? []
      : [
          {
            what,
            accepted: listOf(accepted),
            known: known === undefined ? undefined : listOf(known),
            same,
          },
        ];
  return [
    ...condition('tenant', rule.tenant, facts.tenant),
    ...condition('subscription', rule.subscription, facts.subscription),
    ...condition('resource group', rule.resource_groups, facts.resourceGroup),
    ...condition('machine', rule.vm_names, facts.name, matchesName),
    ...condition('scale set', rule.scale_sets, facts.scaleSet),
    ...condition('managed identity', rule.managed_identities, facts.identity),
    ...condition('location', rule.locations, facts.location),
    ...Object.entries(rule.tags ?? {}).flatMap(([name, values]) =>
      condition(`tag ${name}`, values, facts.tags && (tagOf(facts.tags, name) ?? ''), isSameText),
    ),
  ];
}

const listOf = (value: string | readonly string[]): readonly string[] =>
  typeof value === 'string' ? [value] : value;

const isSameText = (a: string, b: string): boolean => a === b;

function matchesName(pattern: string, name: string): boolean {
  const [foldedPattern, folded] = [foldAzureName(pattern), foldAzureName(name)];
  return (
    foldedPattern !== undefined && folded !== undefined && matchesWildcard(foldedPattern, folded)
  );
}

const tagOf = (tags: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.entries(tags).find(([known]) => isSameAzureName(known, name))?.[1];

const MOST_LISTED = 5;

const listed = (accepted: readonly string[]): string => {
  const shown = accepted.slice(0, MOST_LISTED).map((value) => `\`${value}\``);
  return [...shown, ...(accepted.length > MOST_LISTED ? ['…'] : [])].join(', ');
};
