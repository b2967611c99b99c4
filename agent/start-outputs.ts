/** What `joinbot start` is to write for other programs: from the config file, or from a flag. */
import { dirname, resolve } from 'node:path';
import type { DirectoryFlags, StartFlags } from './command-line.ts';
import type { ReadConfig } from './config-file.ts';
import { readDuration } from './duration.ts';
import { Failure } from './failure.ts';
import type { Surroundings } from './join-token.ts';
import { kubernetesApi } from './kubernetes.ts';
import { defaultName, outputNames } from './output-names.ts';
import type { Content } from './outputs/output.ts';
import { contentOf, joinOf, type OutputConfig } from './outputs/outputs.ts';
import type { HostService, KubernetesSecret, Output, OutputDirectory, Reader } from './settings.ts';
import { findSshHostKey } from './sshd/host-key.ts';
import { placeOfFlag } from './start-directories.ts';
import { WORKLOAD_API_TYPE, type WorkloadApiService } from './workload-api/config.ts';
import type { FailureAt } from './yaml-file.ts';

type ConfigValue = ReadConfig['value'];

/** Under either name that tbot has for them. */
const configured = (config: ConfigValue | undefined): (OutputConfig | WorkloadApiService)[] =>
  placed(config).map(({ output }) => output);

/** Where they go, but for those that go to a socket. */
export const destinationsIn = (config: ConfigValue | undefined): OutputConfig['destination'][] =>
  configured(config).flatMap((one) => ('destination' in one ? [one.destination] : []));

/** The directories that flags and config file name: storage first. Throws a `Failure` where they name none. */
export function writtenDirectories(flags: DirectoryFlags, file: ReadConfig | undefined): string[] {
  const paths = namedDirectories(flags, file);
  if (paths.length > 0) return paths;
  throw new Failure('usage', 'expected --destination-dir, or a config file (-c) that names one');
}

/** Where an agent with this config has something to write: for certificates, and for sockets that it listens on. */
export function writablePlaces(flags: DirectoryFlags, file: ReadConfig): WritablePlaces {
  const sockets = configured(file.value).flatMap((one) =>
    one.type === WORKLOAD_API_TYPE ? [dirname(socketPath(one))] : [],
  );
  // One that only listens may keep nothing.
  const directories = (sockets.length > 0 ? namedDirectories : writtenDirectories)(flags, file);
  return { directories, socketDirectories: [...new Set(sockets)] };
}

export interface WritablePlaces {
  readonly directories: readonly string[];
  readonly socketDirectories: readonly string[];
}

function namedDirectories(flags: DirectoryFlags, file: ReadConfig | undefined): string[] {
  const places = [file?.value.storage, ...destinationsIn(file?.value)];
  const written = places.flatMap((place) => (place?.type === 'directory' ? [place.path] : []));
  const named = [flags.dataDir, flags.destinationDir].flatMap((path) => path ?? []);
  return (named.length > 0 ? named : written).map((path) => resolve(path));
}

/** With their places in the file. */
export const placed = (config: ConfigValue | undefined) =>
  (['outputs', 'services'] as const).flatMap((list) =>
    (config?.[list] ?? []).map((output, position) => ({ output, place: [list, position] })),
  );

/**
 * The outputs that are written; those to memory are a trial, of which nobody sees anything. Throws a `Failure` that names
 * what can't be had: on this machine, or by who joins.
 */
export function outputsOf(
  flags: StartFlags,
  file: ReadConfig | undefined,
  host: HostService | undefined,
  surroundings: Surroundings,
): Output[] {
  const isHost = host !== undefined;
  const place =
    flags.destinationDir === undefined
      ? undefined
      : placeOfFlag('--destination-dir', flags.destinationDir);
  const identity = { type: 'identity', destination: { type: 'memory' } } as const;
  const ofFlag: Output[] =
    place?.type === 'directory'
      ? [
          {
            name: defaultName('identity', 1),
            destination: place,
            content: contentOf(identity, { isHost, isKubernetesSecret: false }),
          },
        ]
      : [];
  if (!file) return ofFlag;
  const all = placed(file.value);
  const parts = { host, surroundings, failure: file.failure };
  const names = outputNames(ofFlag, all, file.failure);
  return [
    ...ofFlag,
    ...all.flatMap(({ output, place: at }, position) => {
      const made =
        output.type === WORKLOAD_API_TYPE
          ? workloadApiOf(output, at, parts)
          : outputOf(output, at, parts);
      return made ? { name: names[position] ?? '', ...made } : [];
    }),
  ];
}

type Unnamed = Omit<Output, 'name'>;

interface Parts {
  readonly host: HostService | undefined;
  readonly surroundings: Surroundings;
  readonly failure: FailureAt;
}

function outputOf(
  config: OutputConfig,
  place: readonly PropertyKey[],
  { host, surroundings, failure }: Parts,
): Unnamed | undefined {
  const { destination: wanted, reload } = config;
  refuseOtherJoins(config, place, host, failure);
  if (wanted.type === 'memory') return undefined;
  const isKubernetesSecret = wanted.type === 'kubernetes_secret';
  const content = contentOf(config, { isHost: host !== undefined, isKubernetesSecret });
  const at = [...place, 'destination'];
  return {
    destination: isKubernetesSecret
      ? secretOf(wanted, content, at, surroundings, failure)
      : directoryOf(wanted),
    content,
    ...wishOf(config),
    ...sshHostKeyOf(config, place, surroundings, failure),
    ...(reload && { reload }),
  };
}

/** What it asks for of its own. */
const wishOf = ({
  roles,
  credential_ttl: ttl,
  renewal_interval: interval,
}: Pick<WorkloadApiService, 'roles' | 'credential_ttl' | 'renewal_interval'>): Pick<
  Output,
  'roles' | 'ttlSeconds' | 'renewalSeconds'
> => ({
  ...(roles && { roles }),
  ...(ttl !== undefined && { ttlSeconds: readDuration(ttl) ?? 0 }),
  ...(interval !== undefined && { renewalSeconds: readDuration(interval) ?? 0 }),
});

const socketPath = ({ listen }: WorkloadApiService): string =>
  resolve(listen.slice('unix://'.length));

/** Its certificate is that of an output of type `spiffe`. */
function workloadApiOf(
  service: WorkloadApiService,
  place: readonly PropertyKey[],
  { host, failure }: Parts,
): Unnamed {
  const { readers, mode = '0600', roles } = service;
  const destination = { type: 'memory' } as const;
  const spiffe = { type: 'spiffe', destination, ...(roles && { roles }) } as const;
  refuseOtherJoins(spiffe, place, host, failure);
  return {
    destination: {
      type: 'workload_api',
      path: socketPath(service),
      mode: Number.parseInt(mode, 8),
      ...readersOf(readers),
    },
    content: contentOf(spiffe, { isHost: host !== undefined, isKubernetesSecret: false }),
    ...wishOf(service),
  };
}

/** One join brings certificates of one kind. */
function refuseOtherJoins(
  config: OutputConfig,
  place: readonly PropertyKey[],
  host: HostService | undefined,
  failure: FailureAt,
): void {
  const needed = joinOf(config);
  if (needed === 'host' && !host) {
    const message = `an output of type ${config.type} comes from the join of a host: write role: Node in onboarding, as the join token's roles have it`;
    throw failure([...place, 'type'], message);
  }
  if (needed === 'bot' && host) {
    const message = `an output of type ${config.type} is a bot's, and this joins as ${host.role}`;
    throw failure([...place, 'type'], message);
  }
  if (host && config.roles)
    throw failure([...place, 'roles'], 'expected none: hosts have no roles');
}

type Wanted<T extends string> = Extract<OutputConfig['destination'], { type: T }>;

function secretOf(
  { name, namespace, secret_type: secretType = 'Opaque', labels = {} }: Wanted<'kubernetes_secret'>,
  { names }: Content,
  place: readonly PropertyKey[],
  { env }: Surroundings,
  failure: FailureAt,
): KubernetesSecret {
  const api = kubernetesApi(env);
  if (!api) {
    const message =
      'expected a pod of Kubernetes: KUBERNETES_SERVICE_HOST is not set, so this is none; write type: directory here';
    throw failure([...place, 'type'], message);
  }
  if (secretType === 'kubernetes.io/tls' && !names.includes('tls.key')) {
    const message =
      'a secret of type kubernetes.io/tls holds tls.crt and tls.key: expected an output of type tls, without formats';
    throw failure([...place, 'secret_type'], message);
  }
  return {
    type: 'kubernetes_secret',
    api,
    name,
    ...(namespace !== undefined && { namespace }),
    secretType,
    labels,
  };
}

/** The directory that a destination of the config file names. */
export const directoryOf = ({ path, readers, mode }: Wanted<'directory'>): OutputDirectory => ({
  type: 'directory',
  path: resolve(path),
  ...readersOf(readers),
  ...(mode !== undefined && { mode: Number.parseInt(mode, 8) }),
});

function readersOf(readers: Wanted<'directory'>['readers'] = []): Pick<OutputDirectory, 'readers'> {
  const named = readers.map(
    (one): Reader =>
      'user' in one ? { kind: 'user', name: one.user } : { kind: 'group', name: one.group },
  );
  return named.length > 0 ? { readers: named } : {};
}

function sshHostKeyOf(
  config: OutputConfig,
  place: readonly PropertyKey[],
  { readText }: Surroundings,
  failure: FailureAt,
): Pick<Output, 'sshHostKey'> {
  if (config.type !== 'ssh_host') return {};
  const problem = (message: string) => failure([...place, 'host_key'], message);
  const sshHostKey = findSshHostKey(config.host_key, readText, problem);
  return sshHostKey === undefined ? {} : { sshHostKey };
}

/** What a reader of the file may expect to have an effect, and has none. */
export function notesOn(config: ConfigValue | undefined, outputs: readonly Output[]): string[] {
  const places = [config?.storage, ...destinationsIn(config)];
  const idle = ['symlinks', 'acls'].filter((field) =>
    places.some((place) => place && field in place && !(field === 'acls' && 'readers' in place)),
  );
  return [
    ...(places.slice(1).some((place) => place?.type === 'memory')
      ? ['an output to memory is a trial: nothing is written for it']
      : []),
    ...(idle.length > 0 ? [`these fields make no difference here: ${idle.join(', ')}`] : []),
    ...new Set(outputs.flatMap(({ content }) => content.notes ?? [])),
  ];
}
