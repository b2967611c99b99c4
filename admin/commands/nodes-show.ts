/** `joinctl ls` and `joinctl get nodes`: the hosts that joined, as `tsh ls` shows them. */
import type { Command } from '../command.ts';
import { Failure } from '../failure.ts';
import { type Node, nodeOf, reachableNodes } from '../hosts.ts';
import type { Io } from '../io.ts';
import { printable } from '../printable.ts';
import { type Format, formatOf, printMany } from '../resource-output.ts';
import { expiry } from '../resource-tables.ts';
import { openSession, type Session } from '../session.ts';
import { type Column, renderTable } from '../table.ts';

export const ls: Command = {
  words: ['ls'],
  summary: 'list the nodes that can be reached now',
  operands: [],
  flags: { format: 'how to show them (text)' },
  examples: ['joinctl ls', 'joinctl get nodes --format=text'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const nodes = reachableNodes(await nodesOf(await openSession(io, args)), io.now());
    print(io, format, nodes, COLUMNS);
  },
};

/** Whether `joinctl get` is asked for nodes, or for one by its name. */
export const isNodes = (asked: string): boolean => /^nodes?(?:\/|$)/i.test(asked);

/** Every node, those whose certificates are over too. */
export async function showNodes(
  io: Io,
  format: Format,
  session: Session,
  asked: string,
): Promise<void> {
  const nodes = await nodesOf(session);
  const name = /\/(.*)$/.exec(asked)?.[1];
  const chosen = name === undefined ? nodes : nodes.filter(({ names }) => names.includes(name));
  if (name !== undefined && chosen.length === 0) {
    throw new Failure(`node "${printable(name)}" does not exist.`);
  }
  print(io, format, chosen, [
    ...COLUMNS,
    { header: 'Last seen', cell: ({ seen }) => seen },
    { header: 'Expires', cell: ({ expires }) => expiry(expires, io.now()) },
  ]);
}

const nodesOf = async ({ client }: Session): Promise<readonly Node[]> =>
  (await client.instances('host:Node')).map(nodeOf);

const COLUMNS: readonly Column<Node>[] = [
  { header: 'Node Name', cell: ({ name }) => name },
  { header: 'Address', cell: ({ address = '' }) => address },
  {
    header: 'Labels',
    cell: ({ labels }) =>
      Object.entries(labels)
        .map(([label, value]) => `${label}=${value}`)
        .join(','),
    elastic: true,
  },
];

function print(
  io: Io,
  format: Format,
  nodes: readonly Node[],
  columns: readonly Column<Node>[],
): void {
  printMany(io, format, nodes, (all) => renderTable(columns, all, io.stdout.columns));
}
