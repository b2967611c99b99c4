/** `joinctl joins ls`: who joined, who was refused, and why. */
import type { JoinRecord } from '../../shared/protocol/join-record.ts';
import type { Command } from '../command.ts';
import type { FlagName } from '../flags.ts';
import { formatOf } from '../resource-output.ts';
import { openSession } from '../session.ts';
import type { Column } from '../table.ts';
import { filterOf, MOST, printFirst } from './long-list.ts';
import { sinceOf } from './since.ts';

const FILTERS = {
  bot: 'those of a bot',
  token: 'those with a join token',
  machine: 'those of a machine: its vmId, name, resource id, instance or ARN',
  result: 'those that ended so',
  reason: 'those that were denied for this reason, as joins show names it',
} as const satisfies Partial<Record<FlagName, string>>;

export const joinsLs: Command = {
  words: ['joins', 'ls'],
  summary: 'list attempts to join, oldest first',
  operands: [],
  flags: { ...FILTERS, since: 'from when on (1h)', format: 'how to show them (text)' },
  examples: [
    'joinctl joins ls --result=denied --since=24h',
    'joinctl joins ls --bot=example --since=2026-11-20T08:00:00Z',
  ],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const filter = { ...filterOf(args, FILTERS), since: sinceOf(args, '1h', io.now()) };
    const { client } = await openSession(io, args);
    printFirst(io, format, await client.joins(filter, MOST), COLUMNS);
  },
};

const COLUMNS: readonly Column<JoinRecord>[] = [
  { header: 'Time', cell: ({ time }) => time },
  { header: 'Result', cell: ({ outcome }) => outcome },
  { header: 'Reason', cell: ({ reason, code }) => reason ?? code ?? '' },
  { header: 'Bot', cell: ({ bot, system_role }) => bot ?? system_role ?? '' },
  { header: 'Join token', cell: ({ join_token }) => join_token ?? '' },
  { header: 'Machine', cell: machineOf, elastic: true },
  { header: 'Request', cell: ({ request_id }) => request_id },
];

function machineOf({ resource_id, aws_arn, vm_id, names }: JoinRecord): string {
  const short = resource_id === undefined ? undefined : shortOf(resource_id);
  return names?.[0] ?? short ?? aws_arn ?? vm_id ?? '';
}

/** `group/vm`, or `group/set/number`. */
const shortOf = (resourceId: string): string =>
  resourceId.replace(
    /^.*\/resourcegroups\/([^/]+)\/providers\/microsoft\.compute\/virtualmachine(?:scalesets\/([^/]+)\/virtualmachines|s)\/([^/]+)$/i,
    (_, group: string, set: string | undefined, name: string) =>
      [group, ...(set === undefined ? [] : [set]), name].join('/'),
  );
