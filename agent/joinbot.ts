/** `joinbot`: from a command line to an exit code. */
import { readFile } from 'node:fs/promises';
import { VERSION } from '../shared/protocol/version.ts';
import { certificateMirror, simulatedMetadataService } from './addresses.ts';
import { type NextWake, runAgent } from './agent.ts';
import { azureEvidence } from './azure-evidence.ts';
import { describeMachine } from './azure-machine.ts';
import { brokerAt } from './broker.ts';
import { openCertificateCache } from './certificate-cache.ts';
import { parseCommandLine, type StartFlags, USAGE } from './command-line.ts';
import { readConfig } from './config-file.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { createLog } from './log.ts';
import { AZURE_METADATA_SERVICE, askMetadataOf } from './metadata-http.ts';
import { metadataService } from './metadata-service.ts';
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
  if (flags.config === undefined && flags.token === undefined) {
    throw new Failure('usage', 'expected a config file (-c <file>) or flags (see: joinbot help)');
  }
  const file =
    flags.config === undefined ? undefined : readConfig(await readText(flags.config), flags.config);
  const settings = startSettings(flags, file);
  const imds = env['JOINBOT_IMDS_URL'];
  const mirror = env['JOINBOT_PKI_URL'];

  const log = createLog({
    format: flags.logFormat,
    debug: flags.debug,
    write: process.stderr,
    now: () => clock.now(),
  });
  const effects: Effects = { ...process, log };
  const imdsBase = imds ? simulatedMetadataService(imds) : AZURE_METADATA_SERVICE;
  if (imds || mirror)
    log.warn('this is a simulated VM: JOINBOT_IMDS_URL or JOINBOT_PKI_URL is set');
  const { storage } = settings;
  const metadata = metadataService(
    askMetadataOf(imdsBase, effects, describeMachine),
    effects,
    describeMachine,
  );
  const downloads = {
    mirror: mirror ? certificateMirror(mirror) : undefined,
    cache: await openCertificateCache(storage.type === 'directory' ? storage.path : undefined),
  };
  const partners = {
    broker: brokerAt(settings.broker, effects),
    gather: azureEvidence(settings, metadata, downloads, effects),
  };
  await runAgent(settings, partners, effects, process.nextWake);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'there is no such file' : `it can't be read (${code})`;
    throw new Failure('config', `${printable(path)}: ${why}`, { cause: error });
  }
}
