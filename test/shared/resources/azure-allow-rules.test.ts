import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AzureAllowRule } from '../../../shared/resources/azure-allow-rules.ts';
import {
  couldMatch,
  evaluateAllowRules,
  type MachineFacts,
} from '../../../shared/resources/azure-rule-decision.ts';

const [T1, T2] = ['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002'];
const [S1, S2] = ['bbbbbbbb-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000002'];

const machine: MachineFacts = { tenant: T1, subscription: S1, resourceGroup: 'Group1' };

describe('a rule admits', () => {
  test.each<[string, AzureAllowRule]>([
    ['a tenant', { tenant: T1 }],
    ['a subscription', { subscription: S1 }],
    ['both', { tenant: T1, subscription: S1 }],
    ['a group in another case', { subscription: S1, resource_groups: ['other', 'gROUP1'] }],
    ['a subscription in another case', { subscription: S1.toUpperCase() }],
  ])('%s', (_, rule) => {
    expect(evaluateAllowRules([rule], machine)).toEqual({ admitted: true, rule: 0, audited: [] });
  });

  test('though it is not the first one', () => {
    const rules = [{ subscription: S2 }, { tenant: T1 }, { subscription: S1 }];
    expect(evaluateAllowRules(rules, machine)).toEqual({ admitted: true, rule: 1, audited: [] });
  });
});

describe('no rule admits', () => {
  test.each<[string, AzureAllowRule, string]>([
    ['another tenant', { tenant: T2 }, 'tenant'],
    ['another subscription', { subscription: S2 }, 'subscription'],
    ['another subscription of the tenant', { tenant: T1, subscription: S2 }, 'subscription'],
    ['another tenant of the subscription', { tenant: T2, subscription: S1 }, 'tenant'],
    ['another group', { subscription: S1, resource_groups: ['group2'] }, 'resource group'],
    ['a group that begins so', { subscription: S1, resource_groups: ['group'] }, 'resource group'],
    ['a group that goes on', { subscription: S1, resource_groups: ['group10'] }, 'resource group'],
    [
      'a group that ends so',
      { subscription: S1, resource_groups: ['my-group1'] },
      'resource group',
    ],
    [
      'a group as an expression',
      { subscription: S1, resource_groups: ['group.'] },
      'resource group',
    ],
  ])('%s, and says which field', (_, rule, field) => {
    expect(evaluateAllowRules([{ tenant: T2 }, rule], machine)).toEqual({
      admitted: false,
      misses: [
        `rule 1: tenant \`${T1}\` is not in [\`${T2}\`]`,
        expect.stringMatching(`^rule 2: ${field} \`[^\`]+\` is not in \\[\`[^\`]+\`\\]$`),
      ],
      audited: [],
    });
  });

  test('without any rule', () => {
    expect(evaluateAllowRules([], machine)).toEqual({
      admitted: false,
      misses: [],
      audited: [],
    });
    expect(couldMatch([], machine)).toBe(false);
  });
});

describe('what stood in the way', () => {
  const missesOf = (rule: AzureAllowRule, facts: MachineFacts = machine) => {
    const decision = evaluateAllowRules([rule], facts);
    return decision.admitted ? [] : decision.misses;
  };

  test('is every field of a rule that does not hold', () => {
    const rule = { subscription: S2, resource_groups: ['a', 'b'], locations: ['westeurope'] };
    expect(missesOf(rule, { ...machine, location: 'eastus' })).toEqual([
      `rule 1: subscription \`${S1}\` is not in [\`${S2}\`] and resource group \`Group1\` is not in [\`a\`, \`b\`] and location \`eastus\` is not in [\`westeurope\`]`,
    ]);
  });

  test('is said of what is not known, and of what the machine does not have', () => {
    const rule = { subscription: S1, tags: { env: 'prod' }, scale_sets: ['web'] };
    expect(missesOf(rule)).toEqual(['rule 1: scale set is not known and tag env is not known']);
    expect(missesOf(rule, { ...machine, scaleSet: '', tags: {} })).toEqual([
      'rule 1: scale set (none) is not in [`web`] and tag env (none) is not in [`prod`]',
    ]);
  });

  test('names five of many', () => {
    const locations = ['a', 'b', 'c', 'd', 'e', 'f'];
    expect(missesOf({ tenant: T1, locations }, { ...machine, location: 'x' })).toEqual([
      'rule 1: location `x` is not in [`a`, `b`, `c`, `d`, `e`, …]',
    ]);
  });
});

describe('a rule in audit mode', () => {
  const audit = { subscription: S1, mode: 'audit' } as const;

  test('admits nobody, and is told', () => {
    expect(evaluateAllowRules([audit], machine)).toEqual({
      admitted: false,
      misses: ['rule 1: it would admit the machine, but is in audit mode'],
      audited: [1],
    });
    expect(couldMatch([audit], machine)).toBe(true);
  });

  test('is told beside a rule that admits', () => {
    const rules: AzureAllowRule[] = [{ ...audit, subscription: S2 }, audit, { tenant: T1 }];
    expect(evaluateAllowRules(rules, machine)).toEqual({ admitted: true, rule: 2, audited: [2] });
  });
});

const tenant = fc.constantFrom(T1, T2);
const subscription = fc.constantFrom(S1, S2);
const group = fc.constantFrom('rg', 'rg-prod', 'my-rg', 'r');
const anyCase = <T extends fc.Arbitrary<string>>(value: T) =>
  fc.tuple(value, fc.boolean()).map(([text, upper]) => (upper ? text.toUpperCase() : text));
const rule = fc
  .record(
    {
      tenant: anyCase(tenant),
      subscription: anyCase(subscription),
      resource_groups: fc.array(anyCase(group), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: [] },
  )
  .filter(
    (one) =>
      one.subscription !== undefined ||
      (one.tenant !== undefined && one.resource_groups === undefined),
  ) as fc.Arbitrary<AzureAllowRule>;
const rules = fc.array(rule, { maxLength: 4 });
const facts = fc.record({
  tenant: anyCase(tenant),
  subscription: anyCase(subscription),
  resourceGroup: anyCase(group),
});
const known = fc.record({
  tenant: fc.boolean(),
  subscription: fc.boolean(),
  resourceGroup: fc.boolean(),
});

type Known = Readonly<Record<'tenant' | 'subscription' | 'resourceGroup', boolean>>;
const part = (all: MachineFacts, has: Known): MachineFacts => ({
  tenant: has.tenant ? all.tenant : undefined,
  subscription: has.subscription ? all.subscription : undefined,
  resourceGroup: has.resourceGroup ? all.resourceGroup : undefined,
});

describe('for any rules and any machine', () => {
  /** What a rule means, written once more: every part that it names is the machine's, whatever the case. */
  const means = (
    one: AzureAllowRule,
    { tenant: t, subscription: s, resourceGroup: g }: MachineFacts,
  ) => {
    const same = (a: string | undefined, b: string | undefined) =>
      a === undefined || a.toLowerCase() === b?.toLowerCase();
    return (
      same(one.tenant, t) &&
      same(one.subscription, s) &&
      (one.resource_groups?.some((name) => same(name, g)) ?? true)
    );
  };

  test('the first rule whose every named part is known to be equal admits', () => {
    fc.assert(
      fc.property(rules, facts, known, (list, all, has) => {
        const some = part(all, has);
        const decision = evaluateAllowRules(list, some);
        const first = list.findIndex((one) => means(one, some));
        expect(decision.admitted ? decision.rule : -1).toBe(first);
      }),
      { numRuns: 500 },
    );
  });

  test('what is known of a machine never rules out what all of it would admit', () => {
    fc.assert(
      fc.property(rules, facts, known, (list, all, has) => {
        fc.pre(evaluateAllowRules(list, all).admitted);
        expect(couldMatch(list, part(all, has))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('what could match is admitted by some machine with these facts', () => {
    const everyone = [T1, T2].flatMap((t) =>
      [S1, S2].flatMap((s) =>
        ['rg', 'rg-prod', 'my-rg', 'r'].map((g) => ({
          tenant: t,
          subscription: s,
          resourceGroup: g,
        })),
      ),
    );
    const agrees = (one: MachineFacts, some: MachineFacts) =>
      (['tenant', 'subscription', 'resourceGroup'] as const).every(
        (field) =>
          some[field] === undefined || some[field].toLowerCase() === one[field]?.toLowerCase(),
      );
    fc.assert(
      fc.property(rules, facts, known, (list, all, has) => {
        const some = part(all, has);
        const possible = everyone.some(
          (one) => agrees(one, some) && evaluateAllowRules(list, one).admitted,
        );
        expect(couldMatch(list, some)).toBe(possible);
      }),
      { numRuns: 300 },
    );
  });

  test('where everything is known both say the same', () => {
    fc.assert(
      fc.property(rules, facts, (list, all) => {
        expect(couldMatch(list, all)).toBe(evaluateAllowRules(list, all).admitted);
      }),
    );
  });
});
