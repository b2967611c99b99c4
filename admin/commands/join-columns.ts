/** What a list of attempts to join shows of each. */
import type { JoinRecord } from '../../shared/protocol/join-record.ts';
import type { Column } from '../table.ts';

export const JOIN_COLUMNS: readonly Column<JoinRecord>[] = [
  { header: 'Time', cell: ({ time }) => time },
  { header: 'Result', cell: ({ outcome }) => outcome },
  { header: 'Reason', cell: ({ reason, code }) => reason ?? code ?? '' },
  { header: 'Bot', cell: ({ bot, system_role }) => bot ?? system_role ?? '' },
  { header: 'Join token', cell: ({ join_token }) => join_token ?? '' },
  { header: 'Machine', cell: machineOf, elastic: true },
  { header: 'Request', cell: ({ request_id }) => request_id },
];

/** A machine in few words: a host's name, `group/vm`, `group/set/number`, an ARN, or its vmId. */
export function machineOf({ resource_id, aws_arn, vm_id, names }: JoinRecord): string {
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
