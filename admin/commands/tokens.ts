/** `joinctl tokens ls|rm`; `tokens add` is in a file of its own. */
import { operand } from '../arguments.ts';
import type { Command } from '../command.ts';
import { parseName } from '../kinds.ts';
import { formatOf, printResources } from '../resource-output.ts';
import { tokenTable } from '../resource-tables.ts';
import { openSession } from '../session.ts';
import { remove } from './rm.ts';
import { secretStates } from './secret-states.ts';

export const tokensLs: Command = {
  words: ['tokens', 'ls'],
  summary: 'list the join tokens, and which secrets are unused, used or expired',
  operands: [],
  flags: { format: 'how to show them (text)' },
  examples: ['joinctl tokens ls'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const { client } = await openSession(io, args);
    const tokens = await client.list('token');
    if (format !== 'text') return printResources(io, format, ['token'], tokens);
    const secrets = await secretStates(client, tokens, io.now());
    const context = { now: io.now(), width: io.stdout.columns };
    io.stdout.write(tokenTable(tokens, secrets, context));
  },
};

export const tokensRm: Command = {
  words: ['tokens', 'rm'],
  summary: 'delete a join token',
  operands: ['<token>'],
  flags: {},
  examples: ['joinctl tokens rm example-bot'],
  async run(io, args) {
    const name = parseName(operand(args, 0));
    const { client } = await openSession(io, args);
    await remove(io, client, { kind: 'token', name });
  },
};
