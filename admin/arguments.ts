/** A command line taken apart. */
import { parseArgs } from 'node:util';
import { UsageFailure } from './failure.ts';
import { FLAGS, type FlagName, flagNamed } from './flags.ts';
import { printable } from './printable.ts';
import { didYouMean } from './suggestion.ts';

export interface Arguments {
  readonly operands: readonly string[];
  readonly flags: ReadonlyMap<FlagName, readonly string[]>;
}

const NAMES = Object.keys(FLAGS) as FlagName[];
const OPTIONS = Object.fromEntries(
  NAMES.map((name) => {
    const { value, short } = flagNamed(name);
    const type: 'boolean' | 'string' = value === undefined ? 'boolean' : 'string';
    return [name, { type, ...(short && { short }) }];
  }),
);

/** Takes a command line apart; flags may stand before, between and after the operands. */
export function parseArguments(argv: readonly string[]): Arguments {
  const { tokens } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const operands: string[] = [];
  const flags = new Map<FlagName, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const name = NAMES.find((known) => known === token.name);
    if (!name) throw unknownFlag(token.rawName, NAMES);
    flags.set(name, [...(flags.get(name) ?? []), givenValue(name, token)]);
    if ((flags.get(name)?.length ?? 0) > 1 && !flagNamed(name).repeatable) {
      throw new UsageFailure(`--${name} can stand only once.`);
    }
  }
  return { operands, flags };
}

function givenValue(
  name: FlagName,
  token: { readonly value?: string | undefined; readonly inlineValue?: boolean | undefined },
): string {
  const { value: shown } = flagNamed(name);
  if (shown === undefined) {
    if (token.value !== undefined) throw new UsageFailure(`--${name} takes no value.`);
    return '';
  }
  const swallowsFlag = token.inlineValue === false && /^-./.test(token.value ?? '');
  if (token.value === undefined || swallowsFlag) {
    throw new UsageFailure(`--${name} needs a value: --${name}=${shown}.`);
  }
  return token.value;
}

export const unknownFlag = (raw: string, choices: readonly string[]): UsageFailure =>
  new UsageFailure(
    `There is no flag ${printable(raw)} here${didYouMean(
      raw,
      choices.map((choice) => `--${choice}`),
    )}.`,
  );

export const hasFlag = ({ flags }: Arguments, name: FlagName): boolean => flags.has(name);

/** The value of a flag, `undefined` where it is not given. */
export const flagValue = ({ flags }: Arguments, name: FlagName): string | undefined =>
  flags.get(name)?.[0];

/** Every value of a flag that may stand several times, or several with commas: of what has no comma in it. */
export const flagValuesAndLists = (args: Arguments, name: FlagName): readonly string[] =>
  flagValues(args, name).flatMap(partsOf);

/** Every value of a flag that may stand several times. */
export const flagValues = ({ flags }: Arguments, name: FlagName): readonly string[] =>
  flags.get(name) ?? [];

/** The parts of a comma-separated flag; `undefined` where it is not given, empty for `--roles=`. */
export function flagList(args: Arguments, name: FlagName): readonly string[] | undefined {
  const value = flagValue(args, name);
  return value === undefined ? undefined : partsOf(value);
}

const partsOf = (text: string): readonly string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** The operand at a position that the command's shape guarantees. */
export function operand({ operands }: Arguments, position: number): string {
  const value = operands[position];
  if (value === undefined) throw new UsageFailure('An operand is missing.');
  return value;
}
