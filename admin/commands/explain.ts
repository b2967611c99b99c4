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
  machine: 'vm_id',
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
    machine: 'its vmId, for locks',
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
  ],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const request = requestOf(args);
    const { client } = await openSession(io, args);
    printOne(io, format, await client.explain(request), asText);
  },
};

function asText({ steps, verdict }: Explanation): string {
  const width = Math.max(...steps.map(({ step }) => step.length));
  const lines = steps.map(({ step, result, reason, detail }) => {
    const why = reason === undefined ? '' : ` (${reason})`;
    return `${printable(step).padEnd(width)}  ${result.padEnd(7)}  ${printable(detail)}${printable(why)}\n`;
  });
  return `${lines.join('')}\n${SAID[verdict]}\n`;
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
  const parsed = parseWith(explainRequest, {
    ...Object.fromEntries(given),
    ...(tags.length > 0 && { tags: Object.fromEntries(tags) }),
  });
  if (parsed.ok) return parsed.value;
  const flag = Object.entries(MEMBERS).find(([, member]) => member === parsed.problem.field)?.[0];
  throw new UsageFailure(
    flag === undefined
      ? 'Say what to explain: --token and facts of a machine, or --join.'
      : ended(sentenceOf({ field: `--${flag}`, message: parsed.problem.message })),
  );
}
