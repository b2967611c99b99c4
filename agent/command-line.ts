/** The command line: which command, and its flags. The long names are those of `tbot`. */
import { parseArgs } from 'node:util';
import { nearestName } from '../shared/protocol/nearest-name.ts';
import { Failure } from './failure.ts';
import type { LogFormat } from './log.ts';
import { printable } from './printable.ts';

type Command =
  | { readonly name: 'help' }
  | { readonly name: 'version' }
  | { readonly name: 'start'; readonly flags: StartFlags }
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
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

const COMMANDS = ['start', 'install', 'version', 'help'];
const OF_START = Object.keys(OPTIONS).filter((flag) => flag !== 'write' && flag !== 'sshd-config');
const OF_INSTALL = ['config', 'write', 'sshd-config'];

export const USAGE = `joinbot joins this machine to a join broker and keeps its certificates fresh.

Usage:
  joinbot start -c <file> [flags]   join, write certificates, renew them until stopped
  joinbot install sshd [flags]      make sshd use the files of a host that has joined as Node
  joinbot version                   print the version
  joinbot help                      print this

Flags of start; they win over the config file:
  -c, --config <file>          config file (YAML): joinbot's own, or a teleport.yaml, which joins as a host
      --proxy-server <addr>    address of the broker, host:port
      --auth-server <addr>     the same
      --join-method <method>   azure, iam or token
      --token <token>          the join token: its name, or its secret with join method token;
                               file:<path> or /path for a file that holds it
      --ca-pin <pin>           accept only trust bundles under this root (sha256:...); may be repeated
      --data-dir <dir>         keep the agent's own identity here, so that a restart renews
      --destination-dir <dir>  write an identity for other programs here
      --ssh-host-key <file>    of a Node: the host key (.pub) that its SSH certificates are for, or none for a key
                               of their own (default: sshd's Ed25519 or ECDSA key in /etc/ssh, where there is one)
      --oneshot                join, write, exit
  -d, --debug                  log more
      --log-format text|json   form of the log lines (default text)

Flags of install sshd, which prints what it would write:
  -c, --config <file>          the teleport.yaml that the host joined with (default /etc/teleport.yaml)
      --write                  write it to sshd_config.d, have sshd test it, and reload sshd, from now on after
                               each renewal too; where sshd refuses it, everything is put back as it was
      --sshd-config <file>     sshd's main configuration (default /etc/ssh/sshd_config)

Without --token, the variable JOINBOT_TOKEN counts before the config file; it holds the same. A secret is
best kept in a file that only joinbot's user can read: a command line shows in the list of processes.
Join method token needs --data-dir (or storage of type directory): a secret is good for one join, and what
comes after is proved by the keys kept there. A copy of that directory, or a disk that was set back to a
backup, is locked as soon as both are used; the machine then needs a new secret.

Signals: SIGHUP and SIGUSR1 renew now, SIGINT and SIGTERM stop.
Exit codes: 0 done or stopped, 1 failed, 2 wrong usage.
`;

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
