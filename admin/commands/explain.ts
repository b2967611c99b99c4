/** `joinctl explain`: what would happen to a machine, step by step, and why. */
import {
  type ExplainRequest,
  type Explanation,
  explainRequest,
} from '../../shared/protocol/explain.ts';
import { parseWith, sentenceOf } from '../../shared/protocol/schema.ts';
import { type Arguments, flagValue, flagValues } from '../arguments.ts';
import type { Command } from '../command.ts';
import { UsageFailure } from '../failure.ts';
import type { FlagName } from '../flags.ts';
import { ended, printable } from '../printable.ts';
import { formatOf, printOne } from '../resource-output.ts';
import { openSession } from '../session.ts';

/** The member of the request that each flag is. */
const MEMBERS = {
  join: 'join',
  token: 'token',
  type: 'role',
  tenant: 'tenant',
  subscription: 'subscription',
  'resource-group': 'resource_group',
  'vm-name': 'vm_name',
  'scale-set': 'scale_set',
  location: 'location',
  identity: 'identity',
  'aws-account': 'aws_account',
  'aws-arn': 'aws_arn',
} as const satisfies Partial<Record<FlagName, keyof ExplainRequest>>;

export const explain: Command = {
  words: ['explain'],
  summary: 'say whether a machine would be admitted, step by step, and why; nothing is changed',
  operands: [],
  flags: {
    join: 'an attempt of the join log, against what the resources say now',
    token: 'the join token',
    type: 'the system role that it would join as (Bot)',
    tenant: 'its tenant',
    subscription: 'its subscription',
    'resource-group': 'its resource group',
    'vm-name': 'its name',
    machine: 'its resource id: what Azure says of it is taken; or its vmId, for locks',
    'scale-set': 'its scale set',
    location: 'its region',
    identity: 'its managed identity: principal id, client id or resource id',
    tag: 'a tag of it; repeat it for more',
    'aws-account': 'its AWS account',
    'aws-arn': 'its ARN',
    format: 'how to show it (text)',
  },
  examples: [
    'joinctl explain --token=example-bot --subscription=11111111-1111-1111-1111-111111111111 --resource-group=group1',
    'joinctl explain --join=01a1fa95-c122-7a58-aa32-c69cc852cfc7',
    'joinctl explain --machine=/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/group1/providers/Microsoft.Compute/virtualMachines/vm-a',
  ],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const request = requestOf(args);
    const { client } = await openSession(io, args);
    printOne(io, format, await client.explain(request), asText);
  },
};

function asText({ steps, verdict, tokens }: Explanation): string {
  if (!tokens) return `${linesOf(steps)}\n${SAID[verdict]}\n`;
  const each = tokens.map(
    (one) => `\nJoin token ${printable(one.token)}: ${one.verdict}\n${linesOf(one.steps)}`,
  );
  const none = tokens.length === 0 ? '\nThere is no join token of join method azure.\n' : '';
  return `${linesOf(steps)}${each.join('')}${none}\n${SAID[verdict]}\n`;
}

function linesOf(steps: Explanation['steps']): string {
  const width = Math.max(...steps.map(({ step }) => step.length));
  const lines = steps.map(({ step, result, reason, detail }) => {
    const why = reason === undefined ? '' : ` (${reason})`;
    return `${printable(step).padEnd(width)}  ${result.padEnd(7)}  ${printable(detail)}${printable(why)}\n`;
  });
  return lines.join('');
}

const SAID = {
  admitted: 'It would be admitted, if it proves that it is what was said.',
  denied: 'It would be denied.',
  unknown: 'It depends on what was not said: see the steps that are unknown.',
} as const;

function requestOf(args: Arguments): ExplainRequest {
  const given = Object.entries(MEMBERS).flatMap(([flag, member]) => {
    const value = flagValue(args, flag as keyof typeof MEMBERS);
    return value === undefined ? [] : [[member, value] as const];
  });
  const tags = flagValues(args, 'tag').map((tag) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(tag) ?? [];
    if (name === undefined || value === undefined)
      throw new UsageFailure(
        `--tag is a name and a value, --tag=env=prod, not "${printable(tag)}".`,
      );
    return [name, value] as const;
  });
  const machine = flagValue(args, 'machine');
  const parsed = parseWith(explainRequest, {
    ...Object.fromEntries(given),
    ...(machine !== undefined && {
      [machine.startsWith('/') ? 'resource_id' : 'vm_id']: machine,
    }),
    ...(tags.length > 0 && { tags: Object.fromEntries(tags) }),
  });
  if (parsed.ok) return parsed.value;
  const flag = Object.entries({ ...MEMBERS, machine: 'vm_id' }).find(
    ([, member]) => member === parsed.problem.field,
  )?.[0];
  throw new UsageFailure(
    flag === undefined
      ? 'Say what to explain: --token and facts of a machine, --machine and a resource id, or --join.'
      : ended(sentenceOf({ field: `--${flag}`, message: parsed.problem.message })),
  );
}
