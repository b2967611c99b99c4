/** `joinctl` as a function: a command line in, an exit code out. */
import { type Arguments, hasFlag, parseArguments, unknownFlag } from './arguments.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands/commands.ts';
import { printCompletions } from './commands/completion.ts';
import { Failure, UsageFailure } from './failure.ts';
import { GLOBAL_FLAGS } from './flags.ts';
import { commandHelp, groupHelp, overview } from './help.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import { didYouMean } from './suggestion.ts';

/** Runs one command line. 0: done; 1: it did not work; 2: the command line is wrong; 3: `apply --diff` found a difference. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    if (argv[0] === '__complete') {
      await printCompletions(io, argv.slice(argv[1] === '--' ? 2 : 1), COMMANDS);
      return 0;
    }
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
  const group = COMMANDS.filter(
    (command) => command.words.length > words.length && isStartOf(words, command.words),
  );
  return group.length > 0 ? groupHelp(words, group) : commandHelp(findCommand(words));
}

function findCommand(words: readonly string[]): Command {
  const found = COMMANDS.find((command) => isStartOf(command.words, words));
  if (found) return found;
  const start = longestStart(words);
  const choices = [...new Set(COMMANDS.flatMap((command) => nextWord(start, command)))];
  const next = words[start.length];
  if (start.length === 0) {
    if (next === undefined) throw new UsageFailure('Say what to do: joinctl --help lists it.');
    throw new UsageFailure(
      `There is no command ${printable(next)}${didYouMean(next, choices)}: joinctl --help lists them.`,
    );
  }
  const shown = start.join(' ');
  const list = choices.join(', ');
  if (next === undefined) throw new UsageFailure(`Say what to do with ${shown}: ${list}.`);
  const hint = didYouMean(next, choices);
  throw new UsageFailure(
    `There is no command ${shown} ${printable(next)}${hint}: there are ${list}.`,
  );
}

const isStartOf = (start: readonly string[], words: readonly string[]): boolean =>
  start.every((word, at) => words[at] === word);

/** How far the words lead to a command. */
function longestStart(words: readonly string[]): readonly string[] {
  const lengths = COMMANDS.map((command) => {
    const differs = command.words.findIndex((word, at) => words[at] !== word);
    return differs < 0 ? command.words.length : differs;
  });
  return words.slice(0, Math.max(...lengths));
}

const nextWord = (start: readonly string[], { words }: Command): readonly string[] =>
  isStartOf(start, words) ? words.slice(start.length, start.length + 1) : [];

function checkOperands(command: Command, operands: readonly string[]): void {
  const usage = ['joinctl', ...command.words, ...command.operands].join(' ');
  const missing = command.operands.find(
    (shown, at) => !shown.startsWith('[') && operands[at] === undefined,
  );
  if (missing) throw new UsageFailure(`${missing.replace(/ …$/, '')} is missing: ${usage}.`);
  if (command.operands.at(-1)?.endsWith(' …')) return;
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
