/** The command line: which command, and its flags. The long names are those of `tbot`. */
import { parseArgs } from 'node:util';
import { nearestName } from '../shared/protocol/nearest-name.ts';
import { readDuration } from './duration.ts';
import { Failure } from './failure.ts';
import type { LogFormat } from './log.ts';
import { printable } from './printable.ts';

export interface StartFlags {
  readonly config?: string;
  readonly proxyServer?: string;
  readonly authServer?: string;
  readonly joinMethod?: string;
  readonly token?: string;
  readonly caPins: readonly string[];
  readonly dataDir?: string;
  readonly destinationDir?: string;
  readonly sshHostKey?: string;
  readonly oneshot: boolean;
  readonly debug: boolean;
  readonly logFormat: LogFormat;
}

/** Which directories: by the config file, or by themselves. */
export interface DirectoryFlags {
  readonly config?: string;
  readonly dataDir?: string;
  readonly destinationDir?: string;
}

export interface WaitFlags extends DirectoryFlags {
  readonly timeoutSeconds: number;
}

export interface StatusFlags extends DirectoryFlags {
  readonly format: LogFormat;
}

export interface InstallSystemdFlags extends DirectoryFlags {
  readonly name?: string;
  readonly user?: string;
  readonly group?: string;
  readonly systemdDirectory?: string;
  readonly write: boolean;
  readonly force: boolean;
}

export interface InitFlags extends DirectoryFlags {
  readonly readerUser?: string;
  readonly botUser?: string;
}

export interface InstallFlags {
  readonly config?: string;
  readonly sshdConfig?: string;
  readonly write: boolean;
}

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  'proxy-server': { type: 'string' },
  'auth-server': { type: 'string' },
  'join-method': { type: 'string' },
  token: { type: 'string' },
  'ca-pin': { type: 'string', multiple: true },
  'data-dir': { type: 'string' },
  'destination-dir': { type: 'string' },
  'ssh-host-key': { type: 'string' },
  oneshot: { type: 'boolean' },
  debug: { type: 'boolean', short: 'd' },
  'log-format': { type: 'string' },
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

type Flag = keyof typeof OPTIONS;
type Values = ReturnType<typeof parse>['values'];

const DIRECTORIES = ['config', 'data-dir', 'destination-dir'] as const;
const JOINING = [
  ...DIRECTORIES,
  'proxy-server',
  'auth-server',
  'join-method',
  'token',
  'ca-pin',
  'ssh-host-key',
] as const;

/** Every command that has flags: which ones, and what they mean together. */
const COMMANDS = {
  start: { own: [...JOINING, 'oneshot', 'debug', 'log-format'], read: startFlags },
  wait: { own: [...DIRECTORIES, 'timeout'], read: waitFlags },
  status: { own: [...DIRECTORIES, 'format'], read: statusFlags },
  doctor: { own: JOINING, read: startFlags },
  'install systemd': {
    own: [...DIRECTORIES, 'name', 'user', 'group', 'systemd-directory', 'write', 'force'],
    read: installSystemdFlags,
  },
  init: {
    own: ['config', 'destination-dir', 'reader-user', 'bot-user'],
    read: initFlags,
  },
  'install sshd': { own: ['config', 'write', 'sshd-config'], read: installFlags },
} as const satisfies Record<string, { own: readonly Flag[]; read: (values: Values) => unknown }>;

type CommandWithFlags = {
  [N in keyof typeof COMMANDS]: {
    readonly name: N;
    readonly flags: ReturnType<(typeof COMMANDS)[N]['read']>;
  };
}[keyof typeof COMMANDS];

export type Command = { readonly name: 'help' } | { readonly name: 'version' } | CommandWithFlags;

const NAMES = Object.keys(COMMANDS) as (keyof typeof COMMANDS)[];
const FIRST_WORDS = [...new Set(NAMES.map((name) => name.split(' ')[0] ?? '')), 'version', 'help'];

/** `args` is what follows the program's name. Throws a `Failure` of code `usage`. */
export function parseCommandLine(args: readonly string[]): Command {
  const { values, positionals } = parse(args);
  const [first] = positionals;
  if (values.help || first === 'help') return { name: 'help' };
  if (values.version || first === 'version') return { name: 'version' };
  const name = nameOf(positionals);
  const { own, read } = COMMANDS[name];
  const foreign = Object.keys(values).find((flag) => !(own as readonly string[]).includes(flag));
  if (foreign !== undefined) throw usage(`--${foreign} is no flag of ${name}`);
  return { name, flags: read(values) } as CommandWithFlags;
}

function nameOf(positionals: readonly string[]): CommandWithFlags['name'] {
  const [first, ...others] = positionals;
  if (first === undefined) throw usage('expected a command');
  if (!FIRST_WORDS.includes(first)) {
    const meant = nearestName(first, FIRST_WORDS);
    throw usage(
      `unknown command ${printable(first, 40)}${meant ? `; did you mean ${meant}?` : ''}`,
    );
  }
  const all = positionals.join(' ');
  const found = NAMES.find((name) => name === all);
  if (found) return found;
  const longer = NAMES.filter((name) => name.startsWith(`${first} `));
  if (longer.length > 0) throw usage(`expected ${longer.join(' or ')}, got ${printable(all, 60)}`);
  throw usage(`unexpected argument ${printable(others[0] ?? '', 40)}`);
}

function startFlags(values: Values): StartFlags {
  return {
    ...directoryFlags(values),
    ...given('proxyServer', values['proxy-server']),
    ...given('authServer', values['auth-server']),
    ...given('joinMethod', values['join-method']),
    ...given('token', values.token),
    caPins: values['ca-pin'] ?? [],
    ...given('sshHostKey', values['ssh-host-key']),
    oneshot: values.oneshot ?? false,
    debug: values.debug ?? false,
    logFormat: textOrJson('log-format', values['log-format']),
  };
}

function waitFlags(values: Values): WaitFlags {
  const timeout = values.timeout ?? '5m';
  const timeoutSeconds = readDuration(timeout);
  if (timeoutSeconds === undefined)
    throw usage(`--timeout: expected a duration such as 5m, got ${printable(timeout, 40)}`);
  return { ...directoryFlags(values), timeoutSeconds };
}

function statusFlags(values: Values): StatusFlags {
  return { ...directoryFlags(values), format: textOrJson('format', values.format) };
}

function initFlags(values: Values): InitFlags {
  return {
    ...directoryFlags(values),
    ...given('readerUser', values['reader-user']),
    ...given('botUser', values['bot-user']),
  };
}

function installFlags(values: Values): InstallFlags {
  return {
    ...given('config', values.config),
    ...given('sshdConfig', values['sshd-config']),
    write: values.write ?? false,
  };
}

function installSystemdFlags(values: Values): InstallSystemdFlags {
  return {
    ...directoryFlags(values),
    ...given('name', values.name),
    ...given('user', values.user),
    ...given('group', values.group),
    ...given('systemdDirectory', values['systemd-directory']),
    write: values.write ?? false,
    force: values.force ?? false,
  };
}

const directoryFlags = (values: Values): DirectoryFlags => ({
  ...given('config', values.config),
  ...given('dataDir', values['data-dir']),
  ...given('destinationDir', values['destination-dir']),
});

function textOrJson(flag: Flag, value: string | undefined): LogFormat {
  if (value === undefined || value === 'text' || value === 'json') return value ?? 'text';
  throw usage(`--${flag}: expected text or json, got ${printable(value, 40)}`);
}

const given = <K extends string>(key: K, value: string | undefined) =>
  (value === undefined ? {} : { [key]: value }) as Partial<Record<K, string>>;

function parse(args: readonly string[]) {
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

const usage = (message: string): Failure => new Failure('usage', `${message} (see: joinbot help)`);
