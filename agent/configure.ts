/** `joinbot configure`, as tbot has it: the config file that says what a command line says. */
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { schemaLine } from '../shared/protocol/config-schema-place.ts';
import { writeAskedFile } from './asked-file.ts';
import type { ConfigureFlags, StartFlags } from './command-line.ts';
import type { ReadConfig } from './config-file.ts';
import type { ConfigFile } from './config-schema.ts';
import { Failure } from './failure.ts';
import { pathIn } from './join-token.ts';
import { lifetimesIn } from './lifetimes.ts';
import { printable } from './printable.ts';
import type { AgentSettings } from './settings.ts';
import { placeOfFlag } from './start-directories.ts';

interface Streams {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

/** `settings` are what flags and file mean together: both were checked. Throws a `Failure`. */
export async function writeConfig(
  flags: ConfigureFlags,
  file: ReadConfig | undefined,
  settings: AgentSettings,
  { stdout, stderr }: Streams,
): Promise<void> {
  if (file?.host) {
    const message = `${printable(flags.config ?? '')}: a teleport.yaml says things that joinbot's own form has no words for; joinbot start -c takes it as it is`;
    throw new Failure('usage', message);
  }
  const config = configOf(flags, file?.value);
  const text = configText(config, settings.broker);
  const token = config.onboarding?.token;
  const hasSecret =
    settings.joinMethod === 'token' && token !== undefined && pathIn(token) === undefined;
  if (hasSecret) {
    stderr(
      'joinbot: the config holds the secret itself: keep it for the user alone that joinbot runs as, or give --token=file:<path>\n',
    );
  }
  if (flags.output === undefined) return stdout(text);
  const path = resolve(flags.output);
  const isNew = await writeAskedFile(path, text, {
    force: flags.force,
    otherwise: 'choose another name, or replace it with --force',
    mode: hasSecret ? 0o600 : 0o644,
  });
  stdout(isNew ? `Wrote ${path}\n` : `${path} is as it should be\n`);
}

function configText(config: ConfigFile, broker: string): string {
  const where =
    config.onboarding?.token === undefined
      ? '# The join token is in none of these lines: it comes from JOINBOT_TOKEN, or the storage directory knows it.\n'
      : '';
  return `${schemaLine(broker)}${where}${stringify(config, { lineWidth: 0 })}`;
}

/** Flags win, as they do when an agent starts. What is in the file already stays as it is written there. */
function configOf(flags: StartFlags, file: ConfigFile | undefined): ConfigFile {
  const { version, proxy_server, auth_server, onboarding, storage, outputs, ...others } =
    lifetimesIn(flags, file);
  const { proxyServer = proxy_server, authServer = auth_server } = flags;
  const address =
    flags.authServer === undefined && proxyServer !== undefined
      ? { proxy_server: proxyServer }
      : { auth_server: authServer };
  const ofFlag = outputOf(flags);
  const all = [...(ofFlag ? [ofFlag] : []), ...(outputs ?? [])];
  const place = storageOf(flags) ?? storage;
  return {
    version,
    ...address,
    onboarding: onboardingOf(flags, onboarding),
    ...(place && { storage: place }),
    ...(all.length > 0 && { outputs: all }),
    ...others,
    ...(flags.diagAddr !== undefined && { diag_addr: flags.diagAddr }),
    ...(flags.oneshot && { oneshot: true }),
    ...(flags.debug && { debug: true }),
    ...(flags.logFormat !== undefined && { log_format: flags.logFormat }),
  };
}

function onboardingOf(
  { joinMethod, token, caPins }: StartFlags,
  file: ConfigFile['onboarding'],
): ConfigFile['onboarding'] {
  const asked = {
    ...(joinMethod !== undefined && { join_method: joinMethod }),
    ...(token !== undefined && { token: inFull(token) }),
    ...(caPins.length > 0 && { ca_pins: caPins }),
  };
  // The flag was checked: it names one of the join methods.
  return { ...file, ...asked } as ConfigFile['onboarding'];
}

/** A reference to a file, wherever joinbot is started. */
function inFull(token: string): string {
  const path = pathIn(token);
  return path === undefined ? token : `file:${resolve(path)}`;
}

const storageOf = ({ dataDir }: StartFlags): ConfigFile['storage'] =>
  dataDir === undefined ? undefined : placeOfFlag('--data-dir', dataDir);

function outputOf({
  destinationDir,
}: StartFlags): NonNullable<ConfigFile['outputs']>[number] | undefined {
  if (destinationDir === undefined) return undefined;
  const destination = placeOfFlag('--destination-dir', destinationDir);
  return destination.type === 'directory' ? { type: 'identity', destination } : undefined;
}
