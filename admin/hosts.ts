/** Instances of hosts as nodes: their attested name, address and labels, as `tsh ls` shows them. */
import type { InstanceRecord } from '../shared/protocol/instance.ts';
import { parseTimestamp } from '../shared/protocol/values.ts';

export interface Node {
  /** The first of its names, which the broker made from what was proved; its instance's id where it has none. */
  readonly name: string;
  /** Where `sshd` listens; absent where it has no name. */
  readonly address?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly names: readonly string[];
  readonly instance: string;
  readonly join_token: string;
  readonly join_method: string;
  readonly joined: string;
  readonly seen: string;
  readonly expires: string;
}

/** Facts that tell machines apart, and the labels that they make. */
const LABELS: Readonly<Record<string, string>> = {
  account: 'aws_account',
  location: 'location',
  region: 'region',
  resourceGroup: 'resource_group',
  scaleSet: 'scale_set',
  subscription: 'subscription',
};

export function nodeOf(record: InstanceRecord): Node {
  const { id, names, machine, join_token, join_method, joined, seen, expires } = record;
  const [name] = names;
  const labels = Object.entries(LABELS).flatMap(([fact, label]) =>
    machine[fact] === undefined ? [] : [[label, String(machine[fact])] as const],
  );
  return {
    name: name ?? id,
    ...(name !== undefined && { address: `${name}:22` }),
    labels: Object.fromEntries(labels),
    names,
    instance: id,
    join_token,
    join_method,
    joined,
    seen,
    expires,
  };
}

/** Each node once, as it was seen last, by name; those whose certificates are over are left out. */
export function reachableNodes(nodes: readonly Node[], now: Date): readonly Node[] {
  const latest = new Map<string, Node>();
  for (const node of nodes) {
    const expires = parseTimestamp(node.expires);
    const other = latest.get(node.name);
    if (!expires || expires.getTime() <= now.getTime()) continue;
    if (!other || other.seen < node.seen) latest.set(node.name, node);
  }
  return [...latest.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
