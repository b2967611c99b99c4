/** `joinctl nodes add|rm` */
import { systemRole } from '../../shared/protocol/join.ts';
import { operand } from '../arguments.ts';
import type { Command } from '../command.ts';
import { Failure } from '../failure.ts';
import { joinersAddress } from '../joiners-address.ts';
import { printable } from '../printable.ts';
import { formatOf } from '../resource-output.ts';
import { openSession } from '../session.ts';
import { newToken } from './new-token.ts';
import { createToken, HOST_SECRET_FLAGS, tellCreated } from './tokens-add.ts';

export const nodesAdd: Command = {
  words: ['nodes', 'add'],
  summary: 'make a secret for a new node, and say how to install the agent and join',
  operands: [],
  flags: {
    ...HOST_SECRET_FLAGS,
    format: 'text says what to do; json and yaml print what was made',
  },
  examples: ['joinctl nodes add --host-name="web-1.{{cluster}}"', 'joinctl nodes add --ttl=15m'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const token = newToken(io, args, 'node');
    const session = await openSession(io, args);
    const install = `
On the machine, install the agent:

  curl -fsSL ${await joinersAddress(session)}/scripts/install.sh | sudo bash
`;
    await tellCreated(io, session, format, await createToken(session, token), install);
  },
};

export const nodesRm: Command = {
  words: ['nodes', 'rm'],
  summary: 'free the names of a node for another machine, and refuse its renewals',
  operands: ['<node name>'],
  flags: {},
  examples: ['joinctl nodes rm web-1.group1.example.com'],
  async run(io, args) {
    const name = operand(args, 0).toLowerCase();
    const { client } = await openSession(io, args);
    const instances = (await Promise.all(HOST_OWNERS.map(client.instances)))
      .flat()
      .filter(({ names }) => names.includes(name));
    // Both steps may be done again: whichever is found says that there was something to remove.
    const freed: string[] = [];
    for (const each of new Set([name, ...instances.flatMap(({ names }) => names)])) {
      if (await client.freeName(each)) freed.push(each);
    }
    for (const { owner, id } of instances) await client.removeInstance(owner, id);
    if (freed.length === 0 && instances.length === 0) {
      throw new Failure(`node "${printable(name)}" does not exist.`);
    }
    for (const each of freed) io.stdout.write(`name "${printable(each)}" has been freed\n`);
    for (const { id } of instances) io.stdout.write(`instance "${id}" has been removed\n`);
    io.stdout.write(
      'Certificates that it has are on the revocation lists; servers that read none believe them until they expire. If it still runs and may still join, it joins afresh.\n',
    );
  },
};

const HOST_OWNERS = systemRole.options
  .filter((role) => role !== 'Bot')
  .map((role) => `host:${role}`);
