/** `joinctl auth retire` */
import { flagValue } from '../arguments.ts';
import type { Command } from '../command.ts';
import { confirm } from '../confirm.ts';
import { UsageFailure } from '../failure.ts';
import { openSession } from '../session.ts';
import { statusText } from './auth.ts';
import { numbersOf } from './auth-rotate.ts';

export const authRetire: Command = {
  words: ['auth', 'retire'],
  summary: 'end the old root, when its successor signs and everybody has it',
  operands: [],
  flags: { type: 'which key: tls', yes: "don't ask" },
  examples: ['joinctl auth retire --type=tls'],
  async run(io, args) {
    if (flagValue(args, 'type') !== 'tls')
      throw new UsageFailure('Say --type=tls: only a root is retired by hand.');
    const { client } = await openSession(io, args);
    const numbers = numbersOf(await client.authorities(), 'tls');
    await confirm(io, args, CONSEQUENCES);
    const status = await client.retireRoot({ numbers });
    io.stdout.write(statusText(status, io.stdout.columns));
  },
};

const CONSEQUENCES = `The old root leaves the trust bundle, and its certificate of the new one travels with no certificate any more.
- Relying parties that have not read the trust bundle since the new root was made refuse all certificates from now on.
- So do agents that have not joined since then: they need the new CA pin in their config.
There is no way back.
`;
