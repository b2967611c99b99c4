/** The options of the command line, as they are written. The long names are those of `tbot`. */
import { parseArgs } from 'node:util';
import { nearestName } from '../shared/protocol/nearest-name.ts';
import { Failure } from './failure.ts';
import type { LogFormat } from './log.ts';
import { printable } from './printable.ts';

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  'proxy-server': { type: 'string' },
  'auth-server': { type: 'string' },
  'join-method': { type: 'string' },
  token: { type: 'string' },
  'ca-pin': { type: 'string', multiple: true },
  'data-dir': { type: 'string' },
  storage: { type: 'string' },
  'destination-dir': { type: 'string' },
  destination: { type: 'string' },
  'credential-ttl': { type: 'string' },
  'certificate-ttl': { type: 'string' },
  'renewal-interval': { type: 'string' },
  'diag-addr': { type: 'string' },
  'ssh-host-key': { type: 'string' },
  oneshot: { type: 'boolean' },
  debug: { type: 'boolean', short: 'd' },
  'log-format': { type: 'string' },
  output: { type: 'string', short: 'o' },
  write: { type: 'boolean' },
  'sshd-config': { type: 'string' },
  name: { type: 'string' },
  user: { type: 'string' },
  group: { type: 'string' },
  'systemd-directory': { type: 'string' },
  force: { type: 'boolean' },
  timeout: { type: 'string' },
  format: { type: 'string' },
  'reader-user': { type: 'string' },
  'bot-user': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

export type Flag = keyof typeof OPTIONS;
export type Values = ReturnType<typeof parseOptions>['values'];

type TextFlag = 'data-dir' | 'destination-dir' | 'credential-ttl';

/** A flag that tbot has under two names. */
export function oneOf(
  flag: TextFlag,
  other: 'storage' | 'destination' | 'certificate-ttl',
  values: Values,
): string | undefined {
  if (values[flag] !== undefined && values[other] !== undefined)
    throw usage(`expected one of --${flag} and --${other}, got both`);
  return values[flag] ?? values[other];
}

export function textOrJson(flag: Flag, value: string | undefined): LogFormat {
  if (value === undefined || value === 'text' || value === 'json') return value ?? 'text';
  throw usage(`--${flag}: expected text or json, got ${printable(value, 40)}`);
}

export const given = <K extends string>(key: K, value: string | undefined) =>
  (value === undefined ? {} : { [key]: value }) as Partial<Record<K, string>>;

export function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw usage(explain(error));
  }
}

/** Node's message, and the flag that was probably meant. */
function explain(error: TypeError): string {
  const unknown = /^Unknown option '(--?[^']*)'/.exec(error.message)?.[1];
  if (unknown === undefined) return printable(error.message.split('. ')[0] ?? '');
  const meant = nearestName(unknown.replace(/^--?/, ''), Object.keys(OPTIONS));
  return `unknown flag ${printable(unknown, 40)}${meant ? `; did you mean --${meant}?` : ''}`;
}

export const usage = (message: string): Failure =>
  new Failure('usage', `${message} (see: joinbot help)`);
