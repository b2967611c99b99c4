/** `joinctl audit ls|show`: what operators changed, and what they were refused. */
import type { AuditRecord } from '../../shared/protocol/audit-record.ts';
import { operand } from '../arguments.ts';
import type { Command } from '../command.ts';
import { Failure } from '../failure.ts';
import type { FlagName } from '../flags.ts';
import { printable } from '../printable.ts';
import { formatOf, printOne, toYaml } from '../resource-output.ts';
import { openSession } from '../session.ts';
import type { Column } from '../table.ts';
import { unifiedDiff } from '../unified-diff.ts';
import { filterOf, MOST, printFirst } from './long-list.ts';
import { parseRequestId } from './request-id.ts';
import { sinceOf } from './since.ts';

const FILTERS = {
  operator: 'those of an operator: object id or name',
  resource: 'those of a resource, or of a kind: bot/example, lock, instance, authorities',
  action: 'those of a kind',
  outcome: 'those that ended so; begun: nobody knows how',
} as const satisfies Partial<Record<FlagName, string>>;

export const auditLs: Command = {
  words: ['audit', 'ls'],
  summary: 'list what operators changed, and what they were refused, oldest first',
  operands: [],
  flags: { ...FILTERS, since: 'from when on (24h)', format: 'how to show them (text)' },
  examples: [
    'joinctl audit ls --since=7d',
    'joinctl audit ls --resource=bot/example --since=30d',
    'joinctl audit ls --operator=ada@example.com --outcome=refused',
  ],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const filter = { ...filterOf(args, FILTERS), since: sinceOf(args, '24h', io.now()) };
    const { client } = await openSession(io, args);
    printFirst(io, format, await client.changes(filter, MOST), COLUMNS);
  },
};

export const auditShow: Command = {
  words: ['audit', 'show'],
  summary: 'show one change: who, what, before and after',
  operands: ['<request id>'],
  flags: { format: 'how to show it (text)' },
  examples: ['joinctl audit show 01a1fa95-c122-7a58-aa32-c69cc852cfc7'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const id = parseRequestId(operand(args, 0), 'joinctl audit ls shows them');
    const { client } = await openSession(io, args);
    const record = await client.change(id);
    if (!record) {
      throw new Failure(`The audit has no ${id}: it keeps changes by operators for 400 days.`);
    }
    printOne(io, format, record, asText);
  },
};

const whoOf = ({ operator, operator_name }: AuditRecord): string =>
  operator_name ?? operator ?? 'the broker';

const outcomeOf = ({ outcome, code }: AuditRecord): string =>
  code === undefined ? outcome : `${outcome}: ${code}`;

const COLUMNS: readonly Column<AuditRecord>[] = [
  { header: 'Time', cell: ({ time }) => time },
  { header: 'Operator', cell: whoOf },
  { header: 'Action', cell: ({ action }) => action },
  { header: 'Resource', cell: ({ resource }) => resource, elastic: true },
  { header: 'Outcome', cell: outcomeOf },
  { header: 'Request', cell: ({ request_id }) => request_id },
];

function asText(record: AuditRecord): string {
  const { time, action, resource, operator, changed = [] } = record;
  const { before_sha256: was, after_sha256: is } = record;
  const rows = [
    ['Time', time],
    ['Operator', operator === undefined ? whoOf(record) : `${whoOf(record)} (${operator})`],
    ['Action', action],
    ['Resource', resource],
    ['Outcome', outcomeOf(record)],
    ...(changed.length > 0 ? [['Changed', changed.join(', ')] as const] : []),
    ...(was === undefined ? [] : [['Before', `SHA-256 ${was}`] as const]),
    ...(is === undefined ? [] : [['After', `SHA-256 ${is}`] as const]),
  ] as const;
  const lines = rows.map(([label, value]) => `${label.padEnd(8)}  ${printable(value)}\n`);
  const diff = unifiedDiff(yamlOf(record.before), yamlOf(record.after));
  return (
    lines.join('') + (diff.length === 0 ? '' : `\n${diff.map((line) => `${line}\n`).join('')}`)
  );
}

/** What was shortened is no JSON any more, and shown as it is. */
function yamlOf(json: string | undefined): string {
  if (json === undefined) return '';
  try {
    return toYaml(JSON.parse(json));
  } catch {
    return `${printable(json)}\n`;
  }
}
