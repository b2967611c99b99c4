/** `joinbot`: from a command line to an exit code. */
import { resolve } from 'node:path';
import { proxyFor, type WebProxy } from '../shared/http/proxy.ts';
import { VERSION } from '../shared/protocol/version.ts';
import { type NextWake, runAgent } from './agent.ts';
import { brokerAt } from './broker.ts';
import {
  type ConfigureFlags,
  type DirectoryFlags,
  type InitFlags,
  type InstallFlags,
  type InstallSystemdFlags,
  parseCommandLine,
  type StartFlags,
  type StatusFlags,
  type WaitFlags,
} from './command-line.ts';
import { writeConfig } from './configure.ts';
import { examine } from './doctor/doctor.ts';
import { plainError } from './durable-file.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { heartbeatsTo } from './heartbeat.ts';
import { describeSetUp, directoriesToSetUp, setUpDirectory } from './init.ts';
import { joinerOf } from './join-methods.ts';
import { TOKEN_VARIABLE } from './join-token.ts';
import { createLog, type LogFormat } from './log.ts';
import { notifyReady } from './notify.ts';
import { printable } from './printable.ts';
import { readConfigAt, readText } from './read-files.ts';
import { expectReaders } from './readers.ts';
import { currentLists } from './revocation/current-lists.ts';
import type { AgentSettings } from './settings.ts';
import { installSshd, SSHD_CONFIG } from './sshd/install.ts';
import { reloadAfterRenewal } from './sshd/reload.ts';
import { writablePlaces, writtenDirectories } from './start-outputs.ts';
import { startSettings } from './start-settings.ts';
import { statusOf } from './status.ts';
import { installSystemd } from './systemd/install.ts';
import { JOINBOT_YAML } from './systemd/unit.ts';
import { USAGE } from './usage.ts';
import { waitForCertificates } from './wait.ts';

/** With which tbot asks whether it may tell its makers of itself. */
const TELEMETRY_VARIABLE = 'TELEPORT_ANONYMOUS_TELEMETRY';

/** What a process brings along. */
export interface Process extends Omit<Effects, 'log'> {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly nextWake: NextWake;
  /** What the log should say of the process itself. */
  readonly warnings?: readonly string[];
}

export async function runJoinbot(args: readonly string[], process: Process): Promise<0 | 1 | 2> {
  let format: LogFormat = wantsJson(args) ? 'json' : 'text';
  try {
    const command = parseCommandLine(args);
    if (command.name === 'help') process.stdout(USAGE);
    if (command.name === 'version') process.stdout(`joinbot ${VERSION}\n`);
    if (command.name === 'start') {
      const settings = settingsOf(command.flags, process.env);
      format = settings.logFormat ?? 'text';
      await start(settings, command.flags, process);
    }
    if (command.name === 'configure') await configure(command.flags, process);
    if (command.name === 'wait') await wait(command.flags, process);
    if (command.name === 'status') return await status(command.flags, process);
    if (command.name === 'doctor') return await doctor(command.flags, process);
    if (command.name === 'install systemd') await installUnit(command.flags, process);
    if (command.name === 'init') await init(command.flags, process);
    if (command.name === 'install sshd') await install(command.flags, process);
    return 0;
  } catch (thrown) {
    const error = plainError(thrown);
    if (!(error instanceof Failure)) throw error;
    if (format === 'json') {
      const { stderr: write, clock } = process;
      createLog({ format, debug: false, write, now: () => clock.now() }).error(error.message);
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

async function start(settings: AgentSettings, flags: StartFlags, process: Process): Promise<void> {
  const { env, clock } = process;
  const log = createLog({
    format: settings.logFormat ?? 'text',
    debug: settings.debug === true,
    write: process.stderr,
    now: () => clock.now(),
  });
  for (const warning of process.warnings ?? []) log.warn(warning);
  if (settings.secret !== undefined && settings.secret === flags.token) {
    log.warn(
      'a secret on the command line shows in the list of processes: write it to a file, and give --token=file:<path>',
    );
  }
  if (env[TELEMETRY_VARIABLE] !== undefined)
    log.info(`${TELEMETRY_VARIABLE} makes no difference here: no telemetry is sent`);
  const proxy = proxyOf(settings.broker, env);
  if (proxy) log.info(`the broker is reached through the proxy ${proxy.host}:${proxy.port}`);
  const effects: Effects = { ...process, log };
  await expectReaders(settings.outputs, process.programs);
  const broker = brokerAt(settings.broker, effects, settings.authorities);
  const openJoiner = () => joinerOf(settings, { broker, effects, env });
  const { host, storage } = settings;
  const isServer = host?.role === 'Node' && storage.type === 'directory';
  let isTold = false;
  const lists = currentLists(settings, broker, effects);
  await runAgent(settings, openJoiner, lists, effects, process.nextWake, {
    async done() {
      if (!isTold) await notifyReady(env, process.programs, log);
      isTold = true;
      if (isServer) await reloadAfterRenewal(storage.path, process.programs, log);
    },
    tried: heartbeatsTo(broker, effects),
  });
}

/** What they mean has to be what `start` takes: it is refused as there. */
async function configure(flags: ConfigureFlags, { env, stdout, stderr }: Process): Promise<void> {
  const settings = settingsOf(flags, env);
  const file = flags.config === undefined ? undefined : readConfigAt(flags.config);
  await writeConfig(flags, file, settings, { stdout, stderr });
}

function settingsOf(flags: StartFlags, env: Process['env']): AgentSettings {
  const given = flags.config ?? flags.joinMethod ?? flags.token ?? env[TOKEN_VARIABLE];
  if (given === undefined) {
    throw new Failure('usage', 'expected a config file (-c <file>) or flags (see: joinbot help)');
  }
  const file = flags.config === undefined ? undefined : readConfigAt(flags.config);
  return startSettings(flags, file, { env, readText });
}

async function doctor(flags: StartFlags, process: Process): Promise<0 | 1> {
  const { env, stdout: say } = process;
  const settings = settingsOf(flags, env);
  const broker = brokerAt(settings.broker, process, settings.authorities);
  return (await examine(settings, { broker, effects: process, env, say })) ? 0 : 1;
}

function proxyOf(broker: string, env: Process['env']): WebProxy | undefined {
  try {
    return proxyFor(new URL(broker), env);
  } catch (error) {
    throw new Failure('config', error instanceof Error ? error.message : String(error));
  }
}

async function wait(flags: WaitFlags, process: Process): Promise<void> {
  await waitForCertificates(directoriesOf(flags), flags.timeoutSeconds, process);
}

async function status(flags: StatusFlags, { clock, stdout }: Process): Promise<0 | 1> {
  const { text, isGood } = await statusOf(directoriesOf(flags), flags.format, clock.now());
  stdout(text);
  return isGood ? 0 : 1;
}

const directoriesOf = (flags: DirectoryFlags): string[] =>
  writtenDirectories(flags, flags.config === undefined ? undefined : readConfigAt(flags.config));

async function installUnit(flags: InstallSystemdFlags, process: Process): Promise<void> {
  const file = readConfigAt(flags.config ?? JOINBOT_YAML);
  const places = writablePlaces(flags, file);
  const { programs, stdout: say } = process;
  await installSystemd({ flags, host: file.host, places, programs, say });
}

async function init(flags: InitFlags, { programs, stdout }: Process): Promise<void> {
  const file = flags.config === undefined ? undefined : readConfigAt(flags.config);
  for (const one of directoriesToSetUp(flags, file)) {
    await setUpDirectory(one, programs);
    stdout(describeSetUp(one));
  }
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
