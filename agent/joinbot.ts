/** `joinbot`: from a command line to an exit code. */
import { readFileSync } from 'node:fs';
import { VERSION } from '../shared/protocol/version.ts';
import { type NextWake, runAgent } from './agent.ts';
import { brokerAt } from './broker.ts';
import { parseCommandLine, type StartFlags, USAGE } from './command-line.ts';
import { type ReadConfig, readConfig } from './config-file.ts';
import { codeOf } from './durable-file.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { joinerOf } from './join-methods.ts';
import { TOKEN_VARIABLE } from './join-token.ts';
import { createLog } from './log.ts';
import { printable } from './printable.ts';
import { startSettings } from './start-settings.ts';

/** What a process brings along. */
export interface Process extends Omit<Effects, 'log'> {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly nextWake: NextWake;
}

export async function runJoinbot(args: readonly string[], process: Process): Promise<0 | 1 | 2> {
  try {
    const command = parseCommandLine(args);
    if (command.name === 'help') process.stdout(USAGE);
    if (command.name === 'version') process.stdout(`joinbot ${VERSION}\n`);
    if (command.name === 'start') await start(command.flags, process);
    return 0;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr(`joinbot: ${printable(error.message, 2000)}\n`);
    return error.code === 'usage' ? 2 : 1;
  }
}

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
    debug: flags.debug,
    write: process.stderr,
    now: () => clock.now(),
  });
  if (settings.secret !== undefined && settings.secret === flags.token) {
    log.warn(
      'a secret on the command line shows in the list of processes: write it to a file, and give --token=file:<path>',
    );
  }
  const effects: Effects = { ...process, log };
  const broker = brokerAt(settings.broker, effects);
  const joiner = await joinerOf(settings, { broker, effects, env });
  try {
    await runAgent(settings, joiner, effects, process.nextWake);
  } finally {
    await joiner.close();
  }
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
