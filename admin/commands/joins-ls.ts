/** `joinctl joins ls`: who joined, who was refused, and why. */
import { hasFlag } from '../arguments.ts';
import type { Command } from '../command.ts';
import { UsageFailure } from '../failure.ts';
import type { FlagName } from '../flags.ts';
import { formatOf } from '../resource-output.ts';
import { openSession } from '../session.ts';
import { JOIN_COLUMNS } from './join-columns.ts';
import { groupingOf, printCounts } from './joins-count.ts';
import { FOLLOW_SECONDS, followJoins } from './joins-follow.ts';
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
  flags: {
    ...FILTERS,
    since: 'from when on (1h; with --follow: now)',
    by: 'count them instead, the most first',
    follow: `print new ones as they come, asking every ${FOLLOW_SECONDS} seconds, until Ctrl-C`,
    format: 'how to show them (text); json with --follow is a line for each',
  },
  examples: [
    'joinctl joins ls --result=denied --since=24h',
    'joinctl joins ls --bot=example --since=2026-11-20T08:00:00Z',
    'joinctl joins ls --result=denied --since=24h --by=reason',
    'joinctl joins ls --bot=example --follow',
  ],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const by = groupingOf(args);
    const filter = filterOf(args, FILTERS);
    if (hasFlag(args, 'follow')) {
      if (by) throw new UsageFailure('Give either --by or --follow.');
      return followJoins(io, args, { ...filter, since: sinceOf(args, '1s', io.now()) }, format);
    }
    const period = { ...filter, since: sinceOf(args, '1h', io.now()) };
    const { client } = await openSession(io, args);
    if (by) return printCounts(io, format, client, period, by);
    printFirst(io, format, await client.joins(period, MOST), JOIN_COLUMNS);
  },
};
