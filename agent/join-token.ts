/**
 * The join token: from `--token`, else from JOINBOT_TOKEN, else from the config file. Each holds its name or its secret,
 * or the path of a file that does. Nothing here ever repeats a value: it may be a secret (rule 14).
 */
import { join } from 'node:path';
import { joinSecret } from '../shared/protocol/evidence.ts';
import type { JoinMethodName } from '../shared/protocol/join.ts';
import { referenceOf } from '../shared/protocol/join-secret.ts';
import { parseWith } from '../shared/protocol/schema.ts';
import { name } from '../shared/protocol/values.ts';
import type { StartFlags } from './command-line.ts';
import type { ReadConfig } from './config-file.ts';
import { Failure } from './failure.ts';
import { STATE_FILE, tokenInState } from './instance-state.ts';
import { printable } from './printable.ts';
import type { AgentSettings, Storage } from './settings.ts';

/** What is outside the command line and the config file. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file; `undefined` if there is none. Throws a `Failure` that names a file that can't be read. */
  readonly readText: (path: string) => string | undefined;
}

export const TOKEN_VARIABLE = 'JOINBOT_TOKEN';
const LONGEST_FILE = 4096;

/**
 * Throws a `Failure` that names where the token came from, never the token. A secret that is gone, as guide 002 allows
 * after the first run, isn't missed where the storage directory has an instance that began with one.
 */
export function joinTokenOf(
  method: JoinMethodName,
  flags: Pick<StartFlags, 'token'>,
  file: ReadConfig | undefined,
  storage: Storage,
  { env, readText }: Surroundings,
): Pick<AgentSettings, 'token' | 'secret'> {
  const inFile = (message: string): Failure =>
    file
      ? file.failure(['onboarding', 'token'], message)
      : new Failure('usage', `--token: ${message}`);
  const [text, problem] = firstGiven(
    [flags.token, (message) => new Failure('usage', `--token: ${message}`)],
    [env[TOKEN_VARIABLE], (message) => new Failure('config', `${TOKEN_VARIABLE}: ${message}`)],
    [file?.value.onboarding?.token, inFile],
  );
  const path = text === undefined ? undefined : pathIn(text);
  const value = path === undefined ? text : readValue(path, readText, problem);
  if (value === undefined) {
    const state = storage.type === 'directory' && readText(join(storage.path, STATE_FILE));
    const token = method === 'token' && state ? tokenInState(state) : undefined;
    if (token !== undefined) return { token };
    const what = method === 'token' ? 'the secret of a join token' : 'the name of a join token';
    throw problem(
      path === undefined
        ? `missing; expected ${what}, or the path of its file`
        : `${printable(path)}: there is no such file`,
    );
  }
  const where = path === undefined ? '' : `${printable(path)}: `;
  const parsed = parseWith(method === 'token' ? joinSecret : name, value);
  if (!parsed.ok) throw problem(`${where}${parsed.problem.message}`);
  return method === 'token'
    ? { token: referenceOf(parsed.value), secret: parsed.value }
    : { token: parsed.value };
}

type Given = readonly [text: string | undefined, problem: (message: string) => Failure];

/** The first that says something; else the last, for its place in the message. An empty variable is none. */
const firstGiven = (flag: Given, variable: Given, field: Given): Given =>
  flag[0] !== undefined ? flag : variable[0] ? variable : field;

/** `file:path`, or an absolute path; `undefined` where the text is the value itself. */
export function pathIn(text: string): string | undefined {
  if (text.startsWith('file:')) return text.slice('file:'.length);
  return text.startsWith('/') ? text : undefined;
}

function readValue(
  path: string,
  readText: Surroundings['readText'],
  problem: (message: string) => Failure,
): string | undefined {
  if (path === '') throw problem('expected a path after file:');
  const text = readText(path);
  if (text === undefined) return undefined;
  if (text.length > LONGEST_FILE)
    throw problem(`${printable(path)}: larger than ${LONGEST_FILE} bytes`);
  return text.replace(/\r?\n$/, '');
}
