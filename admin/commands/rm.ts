/** `joinctl rm <kind>/<name>`, and what `bots rm`, `tokens rm` and `unlock` share with it. */
import { hasFlag } from '../arguments.ts';
import type { BrokerClient } from '../broker-client.ts';
import type { Command } from '../command.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { display, parseReference, type ResourceReference } from '../kinds.ts';
import { openSession } from '../session.ts';

export const rm: Command = {
  words: ['rm'],
  summary: 'delete resources',
  operands: ['<kind>/<name> …'],
  flags: { force: 'also a role that bots have, whose joins are denied from then on' },
  examples: ['joinctl rm tokens/example-bot', 'joinctl rm tokens/example-bot bots/example'],
  async run(io, args) {
    const references = args.operands.map(parseReference);
    const { client } = await openSession(io, args);
    for (const reference of references) await remove(io, client, reference, hasFlag(args, 'force'));
  },
};

/** Deletes a resource and says so. */
export async function remove(
  io: Io,
  client: BrokerClient,
  reference: ResourceReference,
  force = false,
): Promise<void> {
  const existed = await client.remove(reference.kind, reference.name, { force });
  if (!existed) throw new Failure(`${display(reference)} does not exist.`);
  io.stdout.write(`${display(reference)} has been deleted\n`);
}
