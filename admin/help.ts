/** Help texts, made from the commands themselves. */
import type { Command } from './command.ts';
import { type FlagName, flagNamed, GLOBAL_FLAGS } from './flags.ts';

/** Every command with its summary. */
export const overview = (commands: readonly Command[]): string =>
  [
    'joinctl is what operators of a Join Broker work with.',
    '',
    'Usage: joinctl <command> [flags]',
    '',
    'Commands:',
    ...summaries(commands),
    '',
    ...ENVIRONMENT,
    'joinctl <command> --help says more about a command.',
    '',
  ].join('\n');

/** The commands that begin with the same words, with an example of each. */
export const groupHelp = (start: readonly string[], commands: readonly Command[]): string =>
  [
    `Usage: ${['joinctl', ...start].join(' ')} <command> [flags]`,
    '',
    'Commands:',
    ...summaries(commands),
    '',
    'Examples:',
    ...commands.flatMap(({ examples }) => examples.slice(0, 1).map((example) => `  ${example}`)),
    '',
    ...ENVIRONMENT,
    `${['joinctl', ...start].join(' ')} <command> --help says more about a command.`,
    '',
  ].join('\n');

const summaries = (commands: readonly Command[]): readonly string[] =>
  aligned(commands.map(({ words, summary }) => [words.join(' '), summary]));

/** One command: usage, flags, examples. */
export function commandHelp(command: Command): string {
  const { words, summary, operands, flags, examples } = command;
  const ownFlags = flagLines(flags);
  return [
    `${summary[0]?.toUpperCase()}${summary.slice(1)}.`,
    '',
    `Usage: ${['joinctl', ...words, ...operands].join(' ')}${ownFlags.length > 0 ? ' [flags]' : ''}`,
    ...(ownFlags.length > 0 ? ['', 'Flags:', ...ownFlags] : []),
    '',
    'Flags of every command:',
    ...flagLines(GLOBAL_FLAGS),
    '',
    examples.length === 1 ? 'Example:' : 'Examples:',
    ...examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}

/** What stands below every list of commands. */
const ENVIRONMENT: readonly string[] = [
  'Flags of every command:',
  ...flagLines(GLOBAL_FLAGS),
  '',
  'HTTPS_PROXY and NO_PROXY count; this machine itself is never asked through a proxy.',
  "Servers are trusted whom this machine's certificate store trusts; SSL_CERT_FILE names another",
  'one, NODE_EXTRA_CA_CERTS more.',
];

function flagLines(flags: Partial<Record<FlagName, string>>): string[] {
  const entries = Object.entries(flags) as [FlagName, string][];
  return aligned(entries.map(([name, text]) => [flagSyntax(name), text]));
}

function flagSyntax(name: FlagName): string {
  const { short, value } = flagNamed(name);
  return `${short ? `-${short}, ` : ''}--${name}${value ? `=${value}` : ''}`;
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
