/** `joinctl bots instances lock|unlock` */
import type { Command } from '../command.ts';
import { formatOf } from '../resource-output.ts';
import { openSession } from '../session.ts';
import { idOf, missing, ownerOf } from './instances.ts';
import { createLock, lockOn, removeLocks } from './locks.ts';

export const botsInstancesLock: Command = {
  words: ['bots', 'instances', 'lock'],
  summary: 'refuse renewals of one instance of a bot, and revoke its certificates',
  operands: ['<bot>', '<instance>'],
  flags: {
    ttl: 'how long (until it is unlocked)',
    expires: 'until when',
    message: 'why, for other operators',
    format: 'text says that it was created; json and yaml print the lock',
  },
  examples: [
    'joinctl bots instances lock robot 1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11 --message=stolen',
  ],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const [owner, id] = [ownerOf(args), idOf(args)];
    const wanted = lockOn(io, args, { instance: id });
    const { client } = await openSession(io, args);
    const found = await client.instance(owner, id);
    if (!found || found === 'removed') throw missing(owner, id);
    await createLock(io, format, client, wanted);
  },
};

export const botsInstancesUnlock: Command = {
  words: ['bots', 'instances', 'unlock'],
  summary: 'delete every lock on one instance of a bot',
  operands: ['<bot>', '<instance>'],
  flags: {},
  examples: ['joinctl bots instances unlock robot 1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11'],
  async run(io, args) {
    ownerOf(args);
    const id = idOf(args);
    const { client } = await openSession(io, args);
    await removeLocks(io, client, { instance: id });
  },
};
