/** What could stand next on a command line: for the shells, which ask `joinctl __complete`. */
import type { ResourceKind } from '../../shared/protocol/resource.ts';
import type { Command } from '../command.ts';
import { FLAGS, type FlagName, flagNamed, GLOBAL_FLAGS } from '../flags.ts';
import { KINDS } from '../kinds.ts';
import { SHELLS } from './scripts.ts';

/** A whole word, as it would stand on the command line. */
export interface Candidate {
  readonly word: string;
  /** A few words on it; shells that have room show them. */
  readonly about?: string;
}

/** The names of all resources of a kind; none where the broker can't be asked. */
export type NamesOf = (kind: ResourceKind) => Promise<readonly string[]>;

/** The words after `joinctl`; the last one is the one to complete, and may be empty. */
export async function complete(
  words: readonly string[],
  commands: readonly Command[],
  namesOf: NamesOf,
): Promise<readonly Candidate[]> {
  const typed = words.at(-1) ?? '';
  const { operands, pending } = readBefore(words.slice(0, -1));
  const candidates = await candidatesFor({ typed, operands, pending, commands, namesOf });
  return candidates.filter(({ word }) => word.startsWith(typed));
}

interface Place {
  readonly typed: string;
  /** The words before that are no flags. */
  readonly operands: readonly string[];
  /** The flag that waits for its value. */
  readonly pending: FlagName | undefined;
  readonly commands: readonly Command[];
  readonly namesOf: NamesOf;
}

async function candidatesFor(place: Place): Promise<readonly Candidate[]> {
  const { typed, operands, pending, commands, namesOf } = place;
  if (pending) return valuesOf(pending, '', typed, namesOf);
  const command = commands.find(({ words }) => words.every((word, at) => operands[at] === word));
  const [, given, value] = /^--([^=]+)=(.*)$/s.exec(typed) ?? [];
  if (given !== undefined && value !== undefined) {
    const flag = flagOf(`--${given}`);
    return flag ? valuesOf(flag, `--${flag}=`, value, namesOf) : [];
  }
  if (typed.startsWith('-')) return flagsOf(command);
  if (!command) return nextWords(operands, commands);
  const { words, operands: shown } = command;
  const at = operands.length - words.length;
  const expected = shown[at] ?? (shown.at(-1)?.endsWith(' …') ? shown.at(-1) : undefined);
  return operandsFor(expected?.replace(/^\[|\]$| …$/g, '') ?? '', typed, namesOf);
}

function readBefore(words: readonly string[]): Pick<Place, 'operands' | 'pending'> {
  const operands: string[] = [];
  let pending: FlagName | undefined;
  for (const word of words) {
    if (pending) pending = undefined;
    else if (word.startsWith('-') && word !== '-') pending = waitingFlag(word);
    else operands.push(word);
  }
  return { operands, pending };
}

/** A flag with a value that doesn't stand in the same word. */
function waitingFlag(word: string): FlagName | undefined {
  const flag = word.includes('=') ? undefined : flagOf(word);
  return flag && flagNamed(flag).value !== undefined ? flag : undefined;
}

const NAMES = Object.keys(FLAGS) as FlagName[];

const flagOf = (word: string): FlagName | undefined =>
  NAMES.find((name) => word === `--${name}` || word === `-${flagNamed(name).short}`);

const flagsOf = (command: Command | undefined): readonly Candidate[] =>
  Object.entries({ ...command?.flags, ...GLOBAL_FLAGS }).map(([name, about]) => ({
    word: `--${name}${flagNamed(name as FlagName).value === undefined ? '' : '='}`,
    about,
  }));

async function valuesOf(
  flag: FlagName,
  before: string,
  typed: string,
  namesOf: NamesOf,
): Promise<readonly Candidate[]> {
  const { value = '', names } = flagNamed(flag);
  if (names) {
    const listed = typed.slice(0, typed.lastIndexOf(',') + 1);
    return (await namesOf(names)).map((name) => ({ word: `${before}${listed}${name}` }));
  }
  const choices = /^[a-z-]+(?:\|[a-z-]+)+$/i.test(value) ? value.split('|') : [];
  return choices.map((choice) => ({ word: `${before}${choice}` }));
}

function nextWords(
  operands: readonly string[],
  commands: readonly Command[],
): readonly Candidate[] {
  const found = new Map<string, string>();
  for (const { words, summary } of commands) {
    const next = words[operands.length];
    if (next === undefined || !operands.every((word, at) => words[at] === word)) continue;
    const isLast = words.length === operands.length + 1;
    if (!found.has(next)) found.set(next, isLast ? summary : `commands for ${next}`);
  }
  return [...found].map(([word, about]) => ({ word, about }));
}

/** Kinds by the way in which an operand is shown in help. */
const NAMED: ReadonlyMap<string, ResourceKind> = new Map([
  ['<bot>', 'bot'],
  ['<token>', 'token'],
  ['<lock>', 'lock'],
  ['<azure root>', 'azure_root'],
  ['<denied signer>', 'azure_denied_signer'],
]);

async function operandsFor(
  shown: string,
  typed: string,
  namesOf: NamesOf,
): Promise<readonly Candidate[]> {
  const kind = NAMED.get(shown);
  if (kind) return (await namesOf(kind)).map((word) => ({ word }));
  if (shown === '<shell>') return SHELLS.map((word) => ({ word }));
  if (!shown.startsWith('<kind>')) return [];
  const isList = shown.includes('[');
  const listed = isList ? typed.slice(0, typed.lastIndexOf(',') + 1) : '';
  const [asked = '', name] = typed.slice(listed.length).split('/');
  if (name === undefined) {
    const kinds = KINDS.map((one) => `${one}s${isList ? '' : '/'}`);
    const named = isList ? [...kinds, ...KINDS.map((one) => `${one}/`), 'all'] : kinds;
    return named.map((word) => ({ word: `${listed}${word}` }));
  }
  const one = KINDS.find((known) => asked === known || asked === `${known}s`);
  if (!one) return [];
  return (await namesOf(one)).map((found) => ({ word: `${listed}${asked}/${found}` }));
}
