/** `joinctl joins show <request id>` */
import type { JoinRecord } from '../../shared/protocol/join-record.ts';
import { operand } from '../arguments.ts';
import type { Command } from '../command.ts';
import { Failure, UsageFailure } from '../failure.ts';
import { printable } from '../printable.ts';
import { formatOf, toJson, toYaml } from '../resource-output.ts';
import { openSession } from '../session.ts';

export const joinsShow: Command = {
  words: ['joins', 'show'],
  summary: 'show what became of a join, and why',
  operands: ['<request id>'],
  flags: { format: 'how to show it (text)' },
  examples: ['joinctl joins show 01a1fa95-c122-7a58-aa32-c69cc852cfc7'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const id = operand(args, 0).toLowerCase();
    if (!/^[0-9a-f-]{36}$/.test(id)) {
      throw new UsageFailure(`"${printable(id)}" is no request id: joinbot says which one it is.`);
    }
    const { client } = await openSession(io, args);
    const record = await client.join(id);
    if (!record) {
      throw new Failure(
        `The join log has no ${id}: it keeps attempts of proved machines for 30 days, and a sample of the others. The broker's own log has them all.`,
      );
    }
    if (format === 'text') io.stdout.write(asText(record));
    else io.stdout.write(format === 'json' ? toJson(record) : toYaml(record));
  },
};

/** What to do about a reason, where it is not the machine's own doing. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  [
    'access_token_audience',
    "Make the agent's onboarding.azure.audience one of JOIN_BROKER_AUDIENCES.",
  ],
  [
    'access_token_tenant',
    "Name the identity's tenant in an allow rule, or in JOIN_BROKER_TENANTS.",
  ],
  ['bot_expired', 'Move the end of the bot, or make another one: joinctl edit bots/<name>'],
  ['bot_not_found', 'Create the bot: joinctl bots add <name> --token=<join token>'],
  [
    'copied_identity',
    'Its state directory is in two places, so it is locked: find the copy, and make the machine a new secret.',
  ],
  ['join_token_expired', 'Move the end of the join token: joinctl edit tokens/<name>'],
  [
    'join_token_not_found',
    'Check onboarding.token of the agent (with a secret: all of it), or create it: joinctl tokens add',
  ],
  ['host_name_impossible', 'Say other host_names in the join token: joinctl edit tokens/<name>'],
  ['host_name_taken', 'If the machine that has the name is gone, free it: joinctl nodes rm <name>'],
  [
    'instance_removed',
    'Somebody removed the instance. With a secret: make the machine a new one, joinctl tokens add.',
  ],
  ['locked', 'End the lock: joinctl get locks, joinctl unlock <lock>'],
  ['machine_identity', 'Assign the identity to the machine; after a change, wait a few minutes.'],
  ['machine_not_found', "Check that the broker's identity may read the machine's subscription."],
  [
    'role_not_allowed',
    'Where the bot lacks it: joinctl bots update <bot> --add-roles=<role>. Where the role does not exist or has expired: joinctl create, or take it from the bot with joinctl bots update <bot> --roles=<others>',
  ],
  [
    'rule_mismatch',
    'Widen a rule of the join token if this machine is to join: joinctl edit tokens/<name>',
  ],
  [
    'other_broker',
    'The agent made its request for another cluster: check its proxy_server and ca_pins.',
  ],
  ['secret_mismatch', 'Give the agent the secret as joinctl printed it, or make a new one.'],
  [
    'sts_denied',
    "AWS does not accept the machine's credentials: look at its role, and at its clock.",
  ],
  [
    'secret_used',
    'A secret is good for one first join. Make a new one: joinctl tokens add. If nobody of you has used it, it was stolen: see "Signs of theft" in the runbook.',
  ],
]);

const LABELS = {
  time: 'Time',
  outcome: 'Outcome',
  reason: 'Reason',
  code: 'Code',
  detail: 'Detail',
  join_token: 'Join token',
  join_method: 'Join method',
  system_role: 'System role',
  bot: 'Bot',
  instance_id: 'Instance',
  generation: 'Generation',
  serials: 'Serials',
  expires: 'Until',
  roles: 'Roles',
  logins: 'Logins',
  key_sha256: 'Keys',
  ssh_keys: 'SSH keys',
  vm_id: 'vmId',
  resource_id: 'Resource id',
  claimed_resource_id: 'Claims to be',
  claimed_vm_id: 'Claims vmId',
  claimed_subscription: 'Claims to be in',
  subscription: 'Subscription',
  tenant: 'Tenant',
  identity: 'Identity',
  vm_binding: 'Binding',
  rule: 'Rule',
  document_signer: 'Signer',
  aws_account: 'AWS account',
  aws_arn: 'ARN',
  audit_rules: 'Audit rules',
  names: 'Host names',
  took_over: 'Took over',
  client: 'Client',
} as const satisfies Partial<Record<keyof JoinRecord, string>>;

function asText(record: JoinRecord): string {
  const width = Math.max(...Object.values(LABELS).map(({ length }) => length));
  const lines = Object.entries(LABELS).flatMap(([name, label]) => {
    const value = record[name as keyof typeof LABELS];
    if (value === undefined || (name === 'code' && record.reason !== undefined)) return [];
    return [
      `${label.padEnd(width)}  ${printable(Array.isArray(value) ? value.join(', ') : String(value))}\n`,
    ];
  });
  const advice = ADVICE.get(record.reason ?? '');
  return lines.join('') + (advice === undefined ? '' : `\n${advice}\n`);
}
