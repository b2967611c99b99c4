/** `joinctl` as a function: a command line in, an exit code out. */
import { type Arguments, hasFlag, parseArguments, unknownFlag } from './arguments.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands/commands.ts';
import { Failure, UsageFailure } from './failure.ts';
import { GLOBAL_FLAGS } from './flags.ts';
import { commandHelp, overview } from './help.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import { didYouMean } from './suggestion.ts';

/** Runs one command line. 0: done; 1: it did not work; 2: the command line is wrong; 3: `apply --diff` found a difference. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    // As most tools take it.
    const words = argv.length === 1 && argv[0] === '--version' ? ['version'] : argv;
    await dispatch(parseArguments(words), io);
    return 0;
  } catch (error) {
    io.stderr.write(`${report(error, argv.includes('--verbose'))}\n`);
    return error instanceof Failure ? error.exitCode : 1;
  }
}

async function dispatch(args: Arguments, io: Io): Promise<void> {
  const asksForHelp = hasFlag(args, 'help') || args.operands[0] === 'help';
  const words = args.operands[0] === 'help' ? args.operands.slice(1) : args.operands;
  if (asksForHelp) return io.stdout.write(helpFor(words));

  const command = findCommand(words);
  for (const flag of args.flags.keys()) {
    if (!(flag in command.flags) && !(flag in GLOBAL_FLAGS)) {
      const known = [...Object.keys(command.flags), ...Object.keys(GLOBAL_FLAGS)];
      throw unknownFlag(`--${flag}`, known);
    }
  }
  const operands = words.slice(command.words.length);
  checkOperands(command, operands);
  await command.run(io, { ...args, operands });
}

function helpFor(words: readonly string[]): string {
  if (words.length === 0) return overview(COMMANDS);
  const group = COMMANDS.filter(({ words: [first, second] }) => second && first === words[0]);
  return words.length === 1 && group.length > 0 ? overview(group) : commandHelp(findCommand(words));
}

function findCommand(words: readonly string[]): Command {
  const found = COMMANDS.find((command) => command.words.every((word, at) => words[at] === word));
  if (found) return found;
  const [first, second] = words;
  if (first === undefined) throw new UsageFailure('Say what to do: joinctl --help lists it.');
  const group = COMMANDS.flatMap(({ words: [word, next] }) => (word === first && next) || []);
  if (group.length === 0) {
    const choices = COMMANDS.flatMap(({ words: [word] }) => word ?? []);
    const hint = didYouMean(first, choices);
    throw new UsageFailure(
      `There is no command ${printable(first)}${hint}: joinctl --help lists them.`,
    );
  }
  const list = group.join(', ');
  if (second === undefined) throw new UsageFailure(`Say what to do with ${first}: ${list}.`);
  const hint = didYouMean(second, group);
  throw new UsageFailure(
    `There is no command ${first} ${printable(second)}${hint}: there are ${list}.`,
  );
}

function checkOperands(command: Command, operands: readonly string[]): void {
  const usage = ['joinctl', ...command.words, ...command.operands].join(' ');
  const missing = command.operands.find(
    (shown, at) => !shown.startsWith('[') && operands[at] === undefined,
  );
  if (missing) throw new UsageFailure(`${missing} is missing: ${usage}.`);
  const extra = operands[command.operands.length];
  if (extra !== undefined) {
    throw new UsageFailure(`"${printable(extra)}" is one operand too many: ${usage}.`);
  }
}

function report(error: unknown, verbose: boolean): string {
  if (error instanceof Failure) return `joinctl: ${error.message}`;
  const mistake = error instanceof Error ? error : new Error(String(error));
  return verbose
    ? `joinctl: unexpected: ${mistake.stack ?? mistake.message}`
    : `joinctl: unexpected: ${printable(mistake.message)} (--verbose says more).`;
}
