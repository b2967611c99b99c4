/** `joinctl bots instances ls|show|rm`; `lock` and `unlock` are in a file of their own. */
import type { HeartbeatRecord } from '../../shared/protocol/heartbeat.ts';
import type { InstanceRecord } from '../../shared/protocol/instance.ts';
import { guid } from '../../shared/protocol/values.ts';
import { type Arguments, operand } from '../arguments.ts';
import type { Command } from '../command.ts';
import { Failure, UsageFailure } from '../failure.ts';
import { parseName } from '../kinds.ts';
import { printable } from '../printable.ts';
import { formatOf, printMany, printOne } from '../resource-output.ts';
import { expiry } from '../resource-tables.ts';
import { openSession } from '../session.ts';
import { renderTable } from '../table.ts';
import { locksOn } from './locks.ts';

export const botsInstancesLs: Command = {
  words: ['bots', 'instances', 'ls'],
  summary: 'list what joined as a bot',
  operands: ['<bot>'],
  flags: { format: 'how to show them (text)' },
  examples: ['joinctl bots instances ls robot'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const owner = ownerOf(args);
    const { client } = await openSession(io, args);
    const found = await client.instances(owner);
    printMany(io, format, found, (all) =>
      renderTable<InstanceRecord>(
        [
          { header: 'Instance', cell: ({ id }) => id },
          { header: 'Machine', cell: machineName, elastic: true },
          { header: 'Generation', cell: ({ generation }) => String(generation) },
          { header: 'Seen', cell: ({ seen }) => seen },
          { header: 'Agent', cell: agentState },
          { header: 'Expires', cell: ({ expires }) => expiry(expires, io.now()) },
        ],
        all,
        io.stdout.columns,
      ),
    );
  },
};

export const botsInstancesShow: Command = {
  words: ['bots', 'instances', 'show'],
  summary: 'show one instance of a bot',
  operands: ['<bot>', '<instance>'],
  flags: { format: 'how to show it (text)' },
  examples: ['joinctl bots instances show robot 1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const [owner, id] = [ownerOf(args), idOf(args)];
    const { client } = await openSession(io, args);
    const found = await client.instance(owner, id);
    if (!found) throw missing(owner, id);
    if (found === 'removed') throw new Failure(`instance "${id}" was removed.`);
    printOne(io, format, found, asText);
    if (format !== 'text') return;
    const locks = (await locksOn(client, { instance: id })).map(({ metadata }) => metadata.name);
    const named = `${operand(args, 0)} ${id}`;
    io.stdout.write(
      locks.length > 0
        ? `\nIt is locked by ${locks.map(printable).join(', ')}. To let it renew itself again:\n  joinctl bots instances unlock ${named}\n`
        : `\nTo keep it from renewing itself, and put its certificates on the revocation lists:\n  joinctl bots instances lock ${named}\n`,
    );
  },
};

export const botsInstancesRm: Command = {
  words: ['bots', 'instances', 'rm'],
  summary: 'remove an instance of a bot: its next renewal is refused',
  operands: ['<bot>', '<instance>'],
  flags: {},
  examples: ['joinctl bots instances rm robot 1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11'],
  async run(io, args) {
    const [owner, id] = [ownerOf(args), idOf(args)];
    const { client } = await openSession(io, args);
    if (!(await client.removeInstance(owner, id))) throw missing(owner, id);
    io.stdout.write(`instance "${id}" has been removed

Certificates that it has are on the revocation lists; servers that read none believe them until they expire. A machine that may still join joins afresh: joinctl lock keeps it out.
`);
  },
};

/** Whose instance: the first operand. */
export const ownerOf = (args: Arguments): string => `bot:${parseName(operand(args, 0))}`;

/** Which one: the second operand. */
export function idOf(args: Arguments): string {
  const text = operand(args, 1);
  const parsed = guid.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new UsageFailure(
    `"${printable(text)}" is no instance: joinctl bots instances ls shows their ids.`,
  );
}

export const missing = (owner: string, id: string): Failure =>
  new Failure(`${owner} has no instance "${id}".`);

/** What was proved of the machine, in a word or two. One with a secret proved nothing but the secret. */
function machineName({ machine, names, join_method }: InstanceRecord): string {
  const { name, resourceGroup, arn } = machine;
  if (names[0] !== undefined) return names[0];
  if (name !== undefined && resourceGroup !== undefined) return `${resourceGroup}/${name}`;
  return arn === undefined ? `(by join method ${join_method})` : String(arn);
}

/** What the agent says of itself; nothing where it said nothing. */
function agentState({ heartbeat }: InstanceRecord): string {
  if (!heartbeat) return '';
  const failed = heartbeat.outputs.filter(({ state }) => state === 'failed').length;
  return `${printable(heartbeat.version)}${failed > 0 ? `, ${failed} not written` : ''}`;
}

/** Everything that is claimed, and not proved, is called so. */
const claims = (heartbeat: HeartbeatRecord | undefined): Record<string, string> =>
  heartbeat
    ? {
        'claimed at': heartbeat.received,
        'claimed host': heartbeat.host,
        'claimed system': heartbeat.os,
        'claimed agent': `joinbot ${heartbeat.version}, up ${heartbeat.uptime_seconds} s`,
        ...Object.fromEntries(
          heartbeat.outputs.map(({ directory, state, expires }, position) => [
            `claimed output ${position + 1}`,
            `${directory}: ${state}, until ${expires}`,
          ]),
        ),
      }
    : {};

function asText({ machine, serials, names, heartbeat, ...plain }: InstanceRecord): string {
  // The hash of a secret tells an operator nothing that the join token's name does not.
  const { secret: _, ...facts } = machine;
  const rows = Object.entries({
    ...plain,
    ...facts,
    ...(names.length > 0 && { names: names.join(', ') }),
    serials: serials.join(', '),
    ...claims(heartbeat),
  });
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows
    .map(([label, value]) => `${label.padEnd(width)}  ${printable(String(value))}\n`)
    .join('');
}
