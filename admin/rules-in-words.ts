/** Allow rules of a join token as a person would say them. */
import type { Resource } from '../shared/protocol/resource.ts';
import { entries, field, items, texts } from './resource-fields.ts';

/** Who may join, a sentence for each rule. */
export function rulesInWords({ spec }: Resource): readonly string[] {
  switch (field(spec, 'join_method')) {
    case 'azure':
      return items(field(spec, 'azure', 'allow')).map(azureRule);
    case 'iam':
      return items(field(spec, 'allow')).map(awsRule);
    default:
      return ['whoever has the secret, once'];
  }
}

/** What stands for each field, in the order in which one says it. */
const AZURE: readonly (readonly [name: string, words: (value: string) => string])[] = [
  ['vm_names', (value) => `called ${value}`],
  ['scale_sets', (value) => `of scale set ${value}`],
  ['resource_groups', (value) => `in resource group ${value}`],
  ['subscription', (value) => `of subscription ${value}`],
  ['tenant', (value) => `of tenant ${value}`],
  ['locations', (value) => `in ${value}`],
  ['managed_identities', (value) => `acting as identity ${value}`],
];

function azureRule(rule: unknown): string {
  const parts = AZURE.flatMap(([name, words]) => {
    const value = texts(field(rule, name)).join(' or ');
    return value === '' ? [] : [words(value)];
  });
  const tags = entries(field(rule, 'tags')).map(
    ([name, value]) => `with tag ${name}=${texts(value).join(' or ')}`,
  );
  const audit = field(rule, 'mode') === 'audit' ? ' (audit: nobody is admitted by it)' : '';
  return `virtual machines ${[...parts, ...tags].join(', ')}${audit}`;
}

function awsRule(rule: unknown): string {
  const account = texts(field(rule, 'aws_account')).join('');
  const arn = texts(field(rule, 'aws_arn')).join('');
  return [
    'whoever signs at AWS',
    ...(arn === '' ? [] : [`as ${arn}`]),
    ...(account === '' ? [] : [`in account ${account}`]),
  ].join(' ');
}
