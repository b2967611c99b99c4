/** Asks before something that can't be taken back. */
import { type Arguments, hasFlag } from './arguments.ts';
import { Failure } from './failure.ts';
import type { Io } from './io.ts';

/** Says what is going to happen, and goes on only with `--yes`, or when a person at a terminal types `yes`. */
export async function confirm(io: Io, args: Arguments, consequences: string): Promise<void> {
  io.stderr.write(consequences);
  if (hasFlag(args, 'yes')) return;
  if (!io.stdinIsTerminal)
    throw new Failure(
      'Nothing was done: nobody is there to ask. Say --yes if that is what you want.',
    );
  const answer = await io.ask('Go on? Type yes: ');
  if (answer.trim() !== 'yes') throw new Failure('Nothing was done.');
}
