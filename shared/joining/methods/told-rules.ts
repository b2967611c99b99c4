/**
 * What a join token's rules say of facts that somebody tells, maybe not all of them: for operators who ask what would happen. The
 * decisions are those of the join methods.
 */
import type { ExplainRequest } from '../../protocol/explain.ts';
import { denied, type Refusal } from '../../refusal.ts';
import { evaluateAwsRules } from '../../resources/aws-allow-rules.ts';
import { evaluateAllowRules, type MachineFacts } from '../../resources/azure-rule-decision.ts';
import type { JoinToken } from '../../resources/join-token.ts';

/** `identityNames` is all that one identity can be named by. */
export type ToldFacts = ExplainRequest & { readonly identityNames?: readonly string[] };

/** In words, and whether it hangs on what is not known. Throws the refusal where no rule could admit. */
export function sayOfRules(
  { metadata, spec }: JoinToken,
  facts: ToldFacts,
): readonly [words: string, unknown?: 'unknown'] {
  switch (spec.join_method) {
    case 'token':
      return ['whoever has the secret'];
    case 'iam': {
      const { aws_account: account, aws_arn: arn } = facts;
      if (account === undefined || arn === undefined)
        return ['account and ARN are not both known', 'unknown'];
      const decision = evaluateAwsRules(spec.allow, { account, arn });
      if (decision.admitted) return [`rule ${decision.rule + 1} admits it`];
      throw noRule(metadata.name, decision.mismatches);
    }
    case 'azure': {
      const machine = machineFacts(facts);
      const possible = evaluateAllowRules(spec.azure.allow, machine, 'unknown facts may match');
      if (!possible.admitted) throw noRule(metadata.name, possible.misses);
      const decision = evaluateAllowRules(spec.azure.allow, machine);
      return decision.admitted
        ? [`rule ${decision.rule + 1} admits it`]
        : [decision.misses.join('; '), 'unknown'];
    }
  }
}

type Spec = JoinToken['spec'];

/** Whether machines of Azure may join with it, which the management API describes. */
export const isOfMachines = ({ join_method: method }: Spec): boolean => method === 'azure';

/** Whether its end is that of first joins alone, and no certificate's. */
export const endsJoinsOnly = ({ join_method: method }: Spec): boolean => method === 'token';

const noRule = (name: string, misses: readonly string[]): Refusal =>
  denied('rule_mismatch', `no rule of join token ${name} admits it: ${misses.join('; ')}`);

const machineFacts = (facts: ToldFacts): MachineFacts => ({
  tenant: facts.tenant,
  subscription: facts.subscription,
  resourceGroup: facts.resource_group,
  name: facts.vm_name,
  scaleSet: facts.scale_set,
  location: facts.location,
  identity: facts.identityNames ?? (facts.identity === undefined ? undefined : [facts.identity]),
  tags: facts.tags,
});
