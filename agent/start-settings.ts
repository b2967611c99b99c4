/** Puts the config file and the flags together; flags win. */
import { resolve } from 'node:path';
import type * as z from 'zod/mini';
import { type JoinMethodName, joinMethod } from '../shared/protocol/join.ts';
import { parseWith } from '../shared/protocol/schema.ts';
import { caPin } from '../shared/protocol/trust.ts';
import { parseDuration } from '../shared/protocol/values.ts';
import { BROKER_ADDRESS, brokerOrigin } from './addresses.ts';
import type { StartFlags } from './command-line.ts';
import type { ReadConfig } from './config-file.ts';
import { directoryPath } from './config-schema.ts';
import { Failure } from './failure.ts';
import { joinTokenOf, type Surroundings } from './join-token.ts';
import { printable } from './printable.ts';
import type { AgentSettings, IdentityOutput, Storage } from './settings.ts';
import { findSshHostKey } from './sshd/host-key.ts';

const ONE_OF_METHODS = `expected one of ${joinMethod.options.join(', ')}`;
const DEFAULT_AUDIENCE = 'https://management.azure.com/';
const DEFAULT_TTL = '1h';
const DEFAULT_INTERVAL = '20m';

/** `file` is absent when the flags alone say everything. Throws a `Failure` that names the field or the flag. */
export function startSettings(
  flags: StartFlags,
  file: ReadConfig | undefined,
  surroundings: Surroundings,
): AgentSettings {
  const config = file?.value;
  const onboarding = config?.onboarding ?? {};
  /** A problem of the file is named by its place there, one of the flags alone by the flag. */
  const problem = (path: readonly PropertyKey[], flag: string, message: string): Failure =>
    file ? file.failure(path, message) : new Failure('usage', `${flag}: ${message}`);

  const method =
    flags.joinMethod === undefined
      ? onboarding.join_method
      : checkFlag('--join-method', joinMethod, flags.joinMethod);
  if (!method)
    throw problem(['onboarding', 'join_method'], '--join-method', `missing; ${ONE_OF_METHODS}`);
  const storage = storageOf(flags, config);
  refuseForgetting(method, storage, problem);
  const token = joinTokenOf(method, flags, file, storage, surroundings);
  const pins = flags.caPins.map((pin) => checkFlag('--ca-pin', caPin, pin));
  const { client_id: clientId, audience = DEFAULT_AUDIENCE } = onboarding.azure ?? {};

  const settings: AgentSettings = {
    broker: brokerOf(flags, config, problem),
    joinMethod: method,
    ...token,
    caPins: pins.length > 0 ? pins : (onboarding.ca_pins ?? []),
    azure: { audience, ...(clientId !== undefined && { clientId }) },
    storage,
    outputs: outputsOf(flags, config),
    ...hostOf(flags, file, surroundings),
    oneshot: flags.oneshot || (config?.oneshot ?? false),
    certificateTtlSeconds: parseDuration(config?.certificate_ttl ?? DEFAULT_TTL) ?? 0,
    renewalIntervalSeconds: parseDuration(config?.renewal_interval ?? DEFAULT_INTERVAL) ?? 0,
  };
  if (settings.renewalIntervalSeconds >= settings.certificateTtlSeconds) {
    const field = config?.renewal_interval === undefined ? 'certificate_ttl' : 'renewal_interval';
    const message = `renewal_interval (${config?.renewal_interval ?? DEFAULT_INTERVAL}) must be shorter than certificate_ttl (${config?.certificate_ttl ?? DEFAULT_TTL})`;
    throw problem([field], '--config', message);
  }
  refuseOutputsOfHosts(settings);
  refuseSystemDirectories(settings, problem);
  refuseSharedDirectories(settings, problem);
  return settings;
}

type ConfigValue = ReadConfig['value'];
type ProblemAt = (path: readonly PropertyKey[], flag: string, message: string) => Failure;

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

function storageOf(flags: StartFlags, config: ConfigValue | undefined): Storage {
  if (flags.dataDir !== undefined) {
    return {
      type: 'directory',
      path: resolve(checkFlag('--data-dir', directoryPath, flags.dataDir)),
    };
  }
  const storage = config?.storage ?? { type: 'memory' };
  return storage.type === 'memory' ? storage : { type: 'directory', path: resolve(storage.path) };
}

function outputsOf(flags: StartFlags, config: ConfigValue | undefined): IdentityOutput[] {
  const outputs = (config?.outputs ?? []).map(({ destination, roles }) => ({
    path: resolve(destination.path),
    ...(roles && { roles }),
  }));
  return flags.destinationDir === undefined
    ? outputs
    : [
        { path: resolve(checkFlag('--destination-dir', directoryPath, flags.destinationDir)) },
        ...outputs,
      ];
}

function hostOf(
  { sshHostKey: flag }: StartFlags,
  file: ReadConfig | undefined,
  { readText }: Surroundings,
): Pick<AgentSettings, 'host'> {
  const host = file?.host;
  if (host?.role !== 'Node') {
    if (flag === undefined) return host ? { host } : {};
    throw new Failure('usage', '--ssh-host-key is for a teleport.yaml with ssh_service only');
  }
  const sshHostKey = findSshHostKey(flag, readText);
  return { host: { ...host, ...(sshHostKey !== undefined && { sshHostKey }) } };
}

/** A `teleport.yaml` has no outputs, so one can come from the flag alone. */
function refuseOutputsOfHosts({ host, outputs }: AgentSettings): void {
  if (!host || outputs.length === 0) return;
  const message = `--destination-dir: expected none for a ${host.role}: its files are in data_dir`;
  throw new Failure('usage', message);
}

/** Where nothing of an agent's belongs: the root, and what the kernel shows there. */
const SYSTEM = /^\/(?:(?:dev|proc|sys)(?:\/.*)?)?$/;

function refuseSystemDirectories({ storage, outputs }: AgentSettings, problem: ProblemAt): void {
  const refuse = (path: string, field: readonly PropertyKey[], flag: string): void => {
    if (!SYSTEM.test(path) || path.startsWith('/dev/shm/')) return;
    throw problem(field, flag, `expected a directory of its own, got ${printable(path)}`);
  };
  if (storage.type === 'directory') refuse(storage.path, ['storage'], '--data-dir');
  for (const { path } of outputs) refuse(path, ['outputs'], '--destination-dir');
}

/** Two sets of files in one directory would take turns in replacing each other. */
function refuseSharedDirectories({ storage, outputs }: AgentSettings, problem: ProblemAt): void {
  const seen = new Set(storage.type === 'directory' ? [storage.path] : []);
  for (const { path } of outputs) {
    if (seen.has(path)) {
      const message = `expected a directory of its own for storage and for each output, got ${printable(path)} twice`;
      throw problem(['outputs'], '--destination-dir', message);
    }
    seen.add(path);
  }
}

/** A secret is good for one join: without the keys of that join, a restart would be the end of it. */
function refuseForgetting(method: JoinMethodName, storage: Storage, problem: ProblemAt): void {
  if (method !== 'token' || storage.type === 'directory') return;
  const message =
    'join method token needs a directory that outlives restarts, got memory: write storage: {type: directory, path: /var/lib/joinbot}, or give --data-dir=/var/lib/joinbot';
  throw problem(['storage'], '--data-dir', message);
}

function checkFlag<T>(flag: string, schema: z.ZodMiniType<T>, value: string): T {
  const parsed = parseWith(schema, value);
  if (parsed.ok) return parsed.value;
  throw new Failure('usage', `${flag}: ${parsed.problem.message}, got ${printable(value, 80)}`);
}
