/** The command line: which command, and its flags. The long names are those of `tbot`. */
import { parseArgs } from 'node:util';
import { nearestName } from '../shared/protocol/nearest-name.ts';
import { readDuration } from './duration.ts';
import { Failure } from './failure.ts';
import type { LogFormat } from './log.ts';
import { printable } from './printable.ts';

type Command =
  | { readonly name: 'help' }
  | { readonly name: 'version' }
  | { readonly name: 'start'; readonly flags: StartFlags }
  | { readonly name: 'wait'; readonly flags: WaitFlags }
  | { readonly name: 'install sshd'; readonly flags: InstallFlags };

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

/** Which directories, by the config file or by themselves, and for how long. */
export interface WaitFlags {
  readonly config?: string;
  readonly dataDir?: string;
  readonly destinationDir?: string;
  readonly timeoutSeconds: number;
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
  timeout: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

const COMMANDS = ['start', 'wait', 'install', 'version', 'help'];
const OF_WAIT = ['config', 'data-dir', 'destination-dir', 'timeout'];
const OF_INSTALL = ['config', 'write', 'sshd-config'];
const OF_OTHERS = ['write', 'sshd-config', 'timeout'];
const OF_START = Object.keys(OPTIONS).filter((flag) => !OF_OTHERS.includes(flag));

/** `args` is what follows the program's name. Throws a `Failure` of code `usage`. */
export function parseCommandLine(args: readonly string[]): Command {
  const { values, positionals } = parse(args);
  const [command, ...others] = positionals;
  if (values.help || command === 'help') return { name: 'help' };
  if (values.version || command === 'version') return { name: 'version' };
  if (command === undefined) throw usage('expected a command');
  if (command === 'install') {
    if (others.length !== 1 || others[0] !== 'sshd')
      throw usage(`expected install sshd, got install ${printable(others.join(' '), 40)}`.trim());
    refuseForeignFlags(values, OF_INSTALL, 'install sshd');
    return {
      name: 'install sshd',
      flags: {
        ...given('config', values.config),
        ...given('sshdConfig', values['sshd-config']),
        write: values.write ?? false,
      },
    };
  }
  if (command === 'wait') {
    if (others[0] !== undefined) throw usage(`unexpected argument ${printable(others[0], 40)}`);
    refuseForeignFlags(values, OF_WAIT, 'wait');
    const timeout = values.timeout ?? '5m';
    const timeoutSeconds = readDuration(timeout);
    if (timeoutSeconds === undefined)
      throw usage(`--timeout: expected a duration such as 5m, got ${printable(timeout, 40)}`);
    return {
      name: 'wait',
      flags: {
        ...given('config', values.config),
        ...given('dataDir', values['data-dir']),
        ...given('destinationDir', values['destination-dir']),
        timeoutSeconds,
      },
    };
  }
  if (command !== 'start') {
    const meant = nearestName(command, COMMANDS);
    throw usage(
      `unknown command ${printable(command, 40)}${meant ? `; did you mean ${meant}?` : ''}`,
    );
  }
  if (others[0] !== undefined) throw usage(`unexpected argument ${printable(others[0], 40)}`);
  refuseForeignFlags(values, OF_START, 'start');
  const logFormat = values['log-format'] ?? 'text';
  if (logFormat !== 'text' && logFormat !== 'json') {
    throw usage(`--log-format: expected text or json, got ${printable(logFormat, 40)}`);
  }
  return {
    name: 'start',
    flags: {
      ...given('config', values.config),
      ...given('proxyServer', values['proxy-server']),
      ...given('authServer', values['auth-server']),
      ...given('joinMethod', values['join-method']),
      ...given('token', values.token),
      caPins: values['ca-pin'] ?? [],
      ...given('dataDir', values['data-dir']),
      ...given('destinationDir', values['destination-dir']),
      ...given('sshHostKey', values['ssh-host-key']),
      oneshot: values.oneshot ?? false,
      debug: values.debug ?? false,
      logFormat,
    },
  };
}

function refuseForeignFlags(values: object, own: readonly string[], command: string): void {
  const foreign = Object.keys(values).find((flag) => !own.includes(flag));
  if (foreign !== undefined) throw usage(`--${foreign} is no flag of ${command}`);
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
