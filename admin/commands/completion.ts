/** `joinctl completion <shell>`, and `joinctl __complete`, which the shells run. */
import { operand } from '../arguments.ts';
import type { Command } from '../command.ts';
import { complete, type NamesOf } from '../completion/complete.ts';
import { COMPLETION_SCRIPTS, SHELLS } from '../completion/scripts.ts';
import { UsageFailure } from '../failure.ts';
import type { Io } from '../io.ts';
import { isUnsafe, printable } from '../printable.ts';
import { openSession } from '../session.ts';
import { didYouMean } from '../suggestion.ts';

export const completion: Command = {
  words: ['completion'],
  summary: 'print what makes a shell complete commands, flags and names of resources',
  operands: ['<shell>'],
  flags: {},
  examples: [
    'source <(joinctl completion bash)',
    'joinctl completion zsh > ~/.zfunc/_joinctl',
    'joinctl completion fish > ~/.config/fish/completions/joinctl.fish',
  ],
  async run(io, args) {
    const asked = operand(args, 0);
    const shell = SHELLS.find((known) => known === asked);
    if (shell) return io.stdout.write(COMPLETION_SCRIPTS[shell]);
    throw new UsageFailure(
      `A shell is ${SHELLS.join(', ')}, not "${printable(asked)}"${didYouMean(asked, SHELLS)}.`,
    );
  },
};

/** So long somebody waits who pressed a key. */
const PATIENCE_MS = 2000;

/** Prints what could stand next. It never fails, asks no questions and is quiet: somebody is in the middle of a line. */
export async function printCompletions(
  io: Io,
  words: readonly string[],
  commands: readonly Command[],
): Promise<void> {
  const candidates = await complete(words, commands, knownNames(io));
  for (const { word, about } of candidates) {
    if (!isUnsafe(word)) io.stdout.write(about === undefined ? `${word}\n` : `${word}\t${about}\n`);
  }
}

/** With a sign-in that is there already, from the broker that a command without flags would ask. */
const knownNames =
  (io: Io): NamesOf =>
  async (kind) => {
    const quiet: Io = {
      ...io,
      stderr: { write: () => {} },
      signIn: async () => ({ ok: false, reasons: [] }),
      fetch: (url, request) => io.fetch(url, { ...request, timeoutMs: PATIENCE_MS }),
      sleep: () => Promise.reject(new Error('no time')),
    };
    try {
      const { client } = await openSession(quiet, { operands: [], flags: new Map() });
      return (await client.list(kind)).map(({ metadata }) => metadata.name);
    } catch {
      return [];
    }
  };
