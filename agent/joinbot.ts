/** `joinbot`: from a command line to an exit code. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { VERSION } from '../shared/protocol/version.ts';
import { type NextWake, runAgent } from './agent.ts';
import { brokerAt } from './broker.ts';
import { type InstallFlags, parseCommandLine, type StartFlags, USAGE } from './command-line.ts';
import { type ReadConfig, readConfig } from './config-file.ts';
import { codeOf, plainError } from './durable-file.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { joinerOf } from './join-methods.ts';
import { TOKEN_VARIABLE } from './join-token.ts';
import { createLog } from './log.ts';
import type { MachinePrograms } from './machine-programs.ts';
import { printable } from './printable.ts';
import { installSshd, SSHD_CONFIG } from './sshd/install.ts';
import { reloadAfterRenewal } from './sshd/reload.ts';
import { startSettings } from './start-settings.ts';

/** What a process brings along. */
export interface Process extends Omit<Effects, 'log'> {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly nextWake: NextWake;
  readonly programs: MachinePrograms;
  /** What the log should say of the process itself. */
  readonly warnings?: readonly string[];
}

export async function runJoinbot(args: readonly string[], process: Process): Promise<0 | 1 | 2> {
  try {
    const command = parseCommandLine(args);
    if (command.name === 'help') process.stdout(USAGE);
    if (command.name === 'version') process.stdout(`joinbot ${VERSION}\n`);
    if (command.name === 'start') await start(command.flags, process);
    if (command.name === 'install sshd') await install(command.flags, process);
    return 0;
  } catch (thrown) {
    const error = plainError(thrown);
    if (!(error instanceof Failure)) throw error;
    if (wantsJson(args)) {
      const { stderr: write, clock } = process;
      createLog({ format: 'json', debug: false, write, now: () => clock.now() }).error(
        error.message,
      );
    } else {
      process.stderr(`joinbot: ${printable(error.message, 2000)}\n`);
    }
    return error.code === 'usage' ? 2 : 1;
  }
}

/** Also where the command line is wrong elsewhere: who reads the lines as JSON reads this one, too. */
const wantsJson = (args: readonly string[]): boolean =>
  args.some(
    (arg, at) => `${args[at - 1]}=${arg}` === '--log-format=json' || arg === '--log-format=json',
  );

async function start(flags: StartFlags, process: Process): Promise<void> {
  const { env, clock } = process;
  const given = flags.config ?? flags.joinMethod ?? flags.token ?? env[TOKEN_VARIABLE];
  if (given === undefined) {
    throw new Failure('usage', 'expected a config file (-c <file>) or flags (see: joinbot help)');
  }
  const file = flags.config === undefined ? undefined : readConfigAt(flags.config);
  const settings = startSettings(flags, file, { env, readText });

  const log = createLog({
    format: flags.logFormat,
    debug: flags.debug || settings.debug === true,
    write: process.stderr,
    now: () => clock.now(),
  });
  for (const warning of process.warnings ?? []) log.warn(warning);
  if (settings.secret !== undefined && settings.secret === flags.token) {
    log.warn(
      'a secret on the command line shows in the list of processes: write it to a file, and give --token=file:<path>',
    );
  }
  const effects: Effects = { ...process, log };
  const broker = brokerAt(settings.broker, effects, settings.authorities);
  const openJoiner = () => joinerOf(settings, { broker, effects, env });
  const { host, storage } = settings;
  const isServer = host?.role === 'Node' && storage.type === 'directory';
  await runAgent(settings, openJoiner, effects, process.nextWake, async () => {
    if (isServer) await reloadAfterRenewal(storage.path, process.programs, log);
  });
}

/** Where guide 004 has it. */
const TELEPORT_YAML = '/etc/teleport.yaml';

async function install(
  { config = TELEPORT_YAML, sshdConfig = SSHD_CONFIG, write }: InstallFlags,
  { programs, stdout }: Process,
): Promise<void> {
  const { host, value } = readConfigAt(config);
  if (host?.role !== 'Node' || value.storage?.type !== 'directory') {
    const message = `${printable(config)}: expected a teleport.yaml with ssh_service, got the config of a ${host?.role ?? 'bot'}`;
    throw new Failure('config', message);
  }
  await installSshd({
    directory: resolve(value.storage.path),
    sshdConfig: resolve(sshdConfig),
    write,
    programs,
    say: stdout,
  });
}

function readConfigAt(path: string): ReadConfig {
  const text = readText(path);
  if (text !== undefined) return readConfig(text, path);
  throw new Failure('config', `${printable(path)}: there is no such file`);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return undefined;
    throw new Failure('config', `${printable(path)}: it can't be read (${code})`, { cause: error });
  }
}
