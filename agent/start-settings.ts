/** Puts the config file and the flags together; flags win. */
import type * as z from 'zod/mini';
import { decodePem } from '../shared/encoding/pem.ts';
import { joinMethod } from '../shared/protocol/join.ts';
import { parseWith } from '../shared/protocol/schema.ts';
import { BROKER_ADDRESS, brokerOrigin } from './addresses.ts';
import type { StartFlags } from './command-line.ts';
import type { ReadConfig } from './config-file.ts';
import { caPinText } from './config-schema.ts';
import { diagnosticsAddress } from './diagnostics-address.ts';
import { Failure } from './failure.ts';
import { joinTokenOf, type Surroundings } from './join-token.ts';
import { lifetimesIn, lifetimesOf, refuseSpread, revocationSecondsOf } from './lifetimes.ts';
import { printable } from './printable.ts';
import type { AgentSettings } from './settings.ts';
import { findSshHostKey } from './sshd/host-key.ts';
import { checkDirectories, type ProblemAt, storageOf } from './start-directories.ts';
import { notesOn, outputsOf } from './start-outputs.ts';

const ONE_OF_METHODS = `expected one of ${joinMethod.options.join(', ')}`;
const DEFAULT_AUDIENCE = 'https://management.azure.com/';

/** `file` is absent when the flags alone say everything. Throws a `Failure` that names the field or the flag. */
export function startSettings(
  flags: StartFlags,
  file: ReadConfig | undefined,
  surroundings: Surroundings,
): AgentSettings {
  const config = file?.value;
  const onboarding = config?.onboarding ?? {};
  const problem: ProblemAt = (path, flag, message) =>
    file ? file.failure(path, message) : new Failure('usage', `${flag}: ${message}`);

  const method =
    flags.joinMethod === undefined
      ? onboarding.join_method
      : checkFlag('--join-method', joinMethod, flags.joinMethod);
  if (!method)
    throw problem(['onboarding', 'join_method'], '--join-method', `missing; ${ONE_OF_METHODS}`);
  const storage = storageOf(flags, config);
  const token = joinTokenOf(method, flags, file, storage, surroundings);
  const pins = flags.caPins.map((pin) => checkFlag('--ca-pin', caPinText, pin));
  const { client_id: clientId, audience = DEFAULT_AUDIENCE } = onboarding.azure ?? {};

  const oneshot = flags.oneshot || (config?.oneshot ?? false);
  const { host } = hostOf(flags, file, surroundings);
  refuseFlagOfHosts(host, flags);
  const outputs = outputsOf(flags, file, host, surroundings);
  refuseServingOnce(outputs, oneshot, problem);
  const notes = notesOn(config, outputs);
  const lifetimes = lifetimesIn(flags, config);
  const logFormat = flags.logFormat ?? config?.log_format;

  const settings: AgentSettings = {
    broker: brokerOf(flags, config, problem),
    joinMethod: method,
    ...token,
    caPins: pins.length > 0 ? pins : (onboarding.ca_pins ?? []),
    azure: { audience, ...(clientId !== undefined && { clientId }) },
    storage,
    outputs,
    ...(host && { host }),
    oneshot,
    ...lifetimesOf(lifetimes, oneshot, problem),
    revocationSeconds: revocationSecondsOf(config, problem),
    ...((flags.debug || config?.debug) && { debug: true }),
    ...(logFormat !== undefined && { logFormat }),
    ...authoritiesOf(file, surroundings),
    ...diagnosticsOf(flags, config, problem),
    ...(notes.length > 0 && { notes }),
  };
  checkDirectories(settings, problem);
  refuseSpread(settings, problem);
  return settings;
}

type ConfigValue = ReadConfig['value'];

function brokerOf(flags: StartFlags, config: ConfigValue | undefined, problem: ProblemAt): string {
  const { proxyServer, authServer } = flags;
  if (proxyServer !== undefined && authServer !== undefined) {
    throw new Failure('usage', 'expected one of --proxy-server and --auth-server, got both');
  }
  const flag = proxyServer ?? authServer;
  if (flag !== undefined) {
    const origin = brokerOrigin(flag);
    if (origin !== undefined) return origin;
    const message = `expected ${BROKER_ADDRESS}, got ${printable(flag, 100)}`;
    throw new Failure(
      'usage',
      `${proxyServer === undefined ? '--auth-server' : '--proxy-server'}: ${message}`,
    );
  }
  if (config?.proxy_server !== undefined && config.auth_server !== undefined) {
    throw problem(['auth_server'], '', 'expected one of proxy_server and auth_server, got both');
  }
  const origin = brokerOrigin(config?.proxy_server ?? config?.auth_server ?? '');
  if (origin === undefined)
    throw problem(['proxy_server'], '--proxy-server', `missing; expected ${BROKER_ADDRESS}`);
  return origin;
}

function authoritiesOf(
  file: ReadConfig | undefined,
  { readText }: Surroundings,
): Pick<AgentSettings, 'authorities'> {
  const path = file?.value.onboarding?.ca_path;
  if (!file || path === undefined) return {};
  const place = ['onboarding', 'ca_path'];
  const authorities = readText(path);
  if (authorities === undefined)
    throw file.failure(place, `${printable(path)}: there is no such file`);
  if (!decodePem('CERTIFICATE', authorities)?.length)
    throw file.failure(place, `${printable(path)}: expected certificates in PEM`);
  return { authorities };
}

function diagnosticsOf(
  { diagAddr: flag }: StartFlags,
  config: ConfigValue | undefined,
  problem: ProblemAt,
): Pick<AgentSettings, 'diagnostics'> {
  const address = flag ?? config?.diag_addr;
  if (address === undefined) return {};
  const asFlag: ProblemAt = (_, name, message) => new Failure('usage', `${name}: ${message}`);
  return { diagnostics: diagnosticsAddress(address, flag === undefined ? problem : asFlag) };
}

function hostOf(
  { sshHostKey: flag }: StartFlags,
  file: ReadConfig | undefined,
  { readText }: Surroundings,
): Pick<AgentSettings, 'host'> {
  const role = file?.value.onboarding?.role;
  const host =
    file?.host ?? (role === undefined || role === 'Bot' ? undefined : { role, notes: [] });
  if (!file?.host || host?.role !== 'Node') {
    if (flag === undefined) return host ? { host } : {};
    throw new Failure('usage', '--ssh-host-key is for a teleport.yaml with ssh_service only');
  }
  const sshHostKey = findSshHostKey(
    flag,
    readText,
    (message) => new Failure('usage', `--ssh-host-key: ${message}`),
  );
  return { host: { ...host, ...(sshHostKey !== undefined && { sshHostKey }) } };
}

/** A socket that nobody answers at any more is worse than none. */
function refuseServingOnce(
  outputs: AgentSettings['outputs'],
  oneshot: boolean,
  problem: ProblemAt,
): void {
  if (!oneshot || !outputs.some(({ destination }) => destination.type === 'workload_api')) return;
  const message =
    'expected no oneshot: a service of type workload-identity-api answers for as long as joinbot runs; an output of type spiffe writes files';
  throw problem(['services'], '--oneshot', message);
}

/** The flag stands for an identity, which is a bot's. */
function refuseFlagOfHosts(host: AgentSettings['host'], { destinationDir }: StartFlags): void {
  if (!host || destinationDir === undefined) return;
  const message = `--destination-dir: expected none for a ${host.role}: its files are in data_dir`;
  throw new Failure('usage', message);
}

function checkFlag<T>(flag: string, schema: z.ZodMiniType<T>, value: string): T {
  const parsed = parseWith(schema, value);
  if (parsed.ok) return parsed.value;
  throw new Failure('usage', `${flag}: ${parsed.problem.message}, got ${printable(value, 80)}`);
}
