/** The command line: which command, and its flags. */
import { nearestName } from '../shared/protocol/nearest-name.ts';
import { readDuration } from './duration.ts';
import type { LogFormat } from './log.ts';
import {
  type Flag,
  given,
  oneOf,
  parseOptions,
  textOrJson,
  usage,
  type Values,
} from './options.ts';
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
  /** Durations, as the config file has them. */
  readonly credentialTtl?: string;
  readonly renewalInterval?: string;
  readonly diagAddr?: string;
  readonly oneshot: boolean;
  readonly debug: boolean;
  /** Absent: as the config file says, else text. */
  readonly logFormat?: LogFormat;
}

export interface ConfigureFlags extends StartFlags {
  /** Where to write the config file; absent: print it. */
  readonly output?: string;
  readonly force: boolean;
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

const DIRECTORIES = ['config', 'data-dir', 'storage', 'destination-dir', 'destination'] as const;
const JOINING = [
  ...DIRECTORIES,
  'proxy-server',
  'auth-server',
  'join-method',
  'token',
  'ca-pin',
  'ssh-host-key',
] as const;
const STARTING = [
  ...JOINING,
  'credential-ttl',
  'certificate-ttl',
  'renewal-interval',
  'diag-addr',
  'oneshot',
  'debug',
  'log-format',
] as const;

/** Every command that has flags: which ones, and what they mean together. */
const COMMANDS = {
  start: { own: STARTING, read: startFlags },
  configure: { own: [...STARTING, 'output', 'force'], read: configureFlags },
  wait: { own: [...DIRECTORIES, 'timeout'], read: waitFlags },
  status: { own: [...DIRECTORIES, 'format'], read: statusFlags },
  doctor: { own: JOINING, read: startFlags },
  'install systemd': {
    own: [...DIRECTORIES, 'name', 'user', 'group', 'systemd-directory', 'write', 'force'],
    read: installSystemdFlags,
  },
  init: {
    own: ['config', 'destination-dir', 'destination', 'reader-user', 'bot-user'],
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
  const { values, positionals } = parseOptions(args);
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
  // tbot has a command for each kind of output. Here the flags are for an identity, with or without that word.
  if (all === 'start identity' || all === 'configure identity')
    return first as 'start' | 'configure';
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
    ...given('credentialTtl', oneOf('credential-ttl', 'certificate-ttl', values)),
    ...given('renewalInterval', values['renewal-interval']),
    ...given('diagAddr', values['diag-addr']),
    oneshot: values.oneshot ?? false,
    debug: values.debug ?? false,
    ...(values['log-format'] !== undefined && {
      logFormat: textOrJson('log-format', values['log-format']),
    }),
  };
}

function configureFlags(values: Values): ConfigureFlags {
  return {
    ...startFlags(values),
    ...given('output', values.output),
    force: values.force ?? false,
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
  ...given('dataDir', oneOf('data-dir', 'storage', values)),
  ...given('destinationDir', oneOf('destination-dir', 'destination', values)),
});
