/** `joinctl joins show <request id>` */
import { DENIAL_REASONS } from '../../shared/protocol/denial-reason.ts';
import type { JoinRecord } from '../../shared/protocol/join-record.ts';
import { operand } from '../arguments.ts';
import type { Command } from '../command.ts';
import { causeFor, DENIALS, remediesFor } from '../denials.ts';
import { Failure } from '../failure.ts';
import { printable } from '../printable.ts';
import { formatOf, printOne } from '../resource-output.ts';
import { openSession } from '../session.ts';
import { parseRequestId } from './request-id.ts';

export const joinsShow: Command = {
  words: ['joins', 'show'],
  summary: 'show what became of a join, and why',
  operands: ['<request id>'],
  flags: { format: 'how to show it (text)' },
  examples: ['joinctl joins show 01a1fa95-c122-7a58-aa32-c69cc852cfc7'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const id = parseRequestId(operand(args, 0), 'joinbot says which one it is');
    const { client } = await openSession(io, args);
    const record = await client.join(id);
    if (!record) {
      throw new Failure(
        `The join log has no ${id}: it keeps attempts of proved machines for 30 days, and a sample of the others. The broker's own log has them all.`,
      );
    }
    printOne(io, format, record, asText);
  },
};

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
  claimed_subscription: 'Claims sub',
  claimed_tenant: 'Says tenant',
  token_audience: 'Audience',
  subscription: 'Subscription',
  tenant: 'Tenant',
  identity: 'Identity',
  vm_binding: 'Binding',
  rule: 'Rule',
  document_signer: 'Signer',
  azure_root: 'Added root',
  aws_account: 'AWS account',
  aws_arn: 'ARN',
  audit_rules: 'Audit rules',
  names: 'Host names',
  took_over: 'Took over',
  beside: 'Lives beside',
  lock: 'Lock',
  denied_role: 'Denied role',
  denied_name: 'Denied name',
  denied_signer: 'Denied by',
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
  return lines.join('') + adviceOn(record);
}

/** Why it was denied, and what mends it: each command in a line of its own. */
function adviceOn(record: JoinRecord): string {
  const reason = DENIAL_REASONS.find((known) => known === record.reason);
  if (!reason) return '';
  const denial = DENIALS[reason];
  const remedies = remediesFor(record, denial).map(({ says, run = [] }) =>
    [says, ...run.map((command) => `  ${command}`)].map((line) => `${printable(line)}\n`).join(''),
  );
  return `\n${printable(causeFor(record, denial))}\n${remedies.join('')}`;
}
