/** Where `joinbot start` keeps its own identity and writes those of others: from the config file, or from flags. */
import { resolve } from 'node:path';
import type { JoinMethodName } from '../shared/protocol/join.ts';
import { parseWith } from '../shared/protocol/schema.ts';
import type { DirectoryFlags, StartFlags } from './command-line.ts';
import type { ReadConfig } from './config-file.ts';
import { directoryPath, MOST_OUTPUTS } from './config-schema.ts';
import { readDuration } from './duration.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';
import type { AgentSettings, IdentityOutput, Reader, Storage } from './settings.ts';

/** A problem of the file is named by its place there, one of the flags alone by the flag. */
export type ProblemAt = (path: readonly PropertyKey[], flag: string, message: string) => Failure;

type ConfigValue = ReadConfig['value'];

export function storageOf(flags: StartFlags, config: ConfigValue | undefined): Storage {
  if (flags.dataDir !== undefined) return placeOfFlag('--data-dir', flags.dataDir);
  const storage = config?.storage ?? { type: 'memory' };
  return storage.type === 'memory' ? storage : { type: 'directory', path: resolve(storage.path) };
}

/** The outputs that are written; those to memory are a trial, of which nobody sees anything. */
export function outputsOf(flags: StartFlags, config: ConfigValue | undefined): IdentityOutput[] {
  const place =
    flags.destinationDir === undefined
      ? undefined
      : placeOfFlag('--destination-dir', flags.destinationDir);
  return [
    ...(place?.type === 'directory' ? [{ path: place.path }] : []),
    ...configured(config).flatMap(({ destination, roles, credential_ttl: ttl }) =>
      destination.type === 'memory'
        ? []
        : [
            {
              path: resolve(destination.path),
              ...accessOf(destination),
              ...(roles && { roles }),
              ...(ttl !== undefined && { ttlSeconds: readDuration(ttl) ?? 0 }),
            },
          ],
    ),
  ];
}

function accessOf({
  readers = [],
  mode,
}: {
  readonly readers?:
    | readonly ({ readonly user: string } | { readonly group: string })[]
    | undefined;
  readonly mode?: string | undefined;
}): Pick<IdentityOutput, 'readers' | 'mode'> {
  const named = readers.map(
    (one): Reader =>
      'user' in one ? { kind: 'user', name: one.user } : { kind: 'group', name: one.group },
  );
  return {
    ...(named.length > 0 && { readers: named }),
    ...(mode !== undefined && { mode: Number.parseInt(mode, 8) }),
  };
}

/** The directories that flags and config file name: storage first. Throws a `Failure` where they name none. */
export function writtenDirectories(flags: DirectoryFlags, file: ReadConfig | undefined): string[] {
  const places = [file?.value.storage, ...configured(file?.value).map((one) => one.destination)];
  const written = places.flatMap((place) => (place?.type === 'directory' ? [place.path] : []));
  const named = [flags.dataDir, flags.destinationDir].flatMap((path) => path ?? []);
  const paths = (named.length > 0 ? named : written).map((path) => resolve(path));
  if (paths.length > 0) return paths;
  throw new Failure('usage', 'expected --destination-dir, or a config file (-c) that names one');
}

/** Under either name that tbot has for them. */
export const configured = (config: ConfigValue | undefined) => [
  ...(config?.outputs ?? []),
  ...(config?.services ?? []),
];

/** What a reader of the file may expect to have an effect, and has none. */
export function notesOn(config: ConfigValue | undefined): string[] {
  const outputs = configured(config);
  const places = [config?.storage, ...outputs.map(({ destination }) => destination)];
  const idle = ['symlinks', 'acls'].filter((field) =>
    places.some((place) => place && field in place && !(field === 'acls' && 'readers' in place)),
  );
  return [
    ...(outputs.some(({ destination }) => destination.type === 'memory')
      ? ['an output to memory is a trial: nothing is written for it']
      : []),
    ...(idle.length > 0 ? [`these fields make no difference here: ${idle.join(', ')}`] : []),
  ];
}

/** `memory://`, `file:///directory` as tbot has them, or a path. */
function placeOfFlag(flag: string, value: string): Storage {
  if (value === 'memory' || value === 'memory://') return { type: 'memory' };
  const path = /^file:\/\/(\/.*)$/s.exec(value)?.[1] ?? value;
  const parsed = parseWith(directoryPath, path);
  if (parsed.ok) return { type: 'directory', path: resolve(parsed.value) };
  const message = /^(?:~|[a-z][a-z0-9+.-]*:)/i.test(value)
    ? 'expected a directory, file:///directory or memory://'
    : parsed.problem.message;
  throw new Failure('usage', `${flag}: ${message}, got ${printable(value, 80)}`);
}

/** Throws a `Failure` for directories that can't be an agent's, or not both of what they are named for. */
export function checkDirectories(
  { storage, outputs, joinMethod }: AgentSettings,
  problem: ProblemAt,
): void {
  refuseForgetting(joinMethod, storage, problem);
  if (outputs.length > MOST_OUTPUTS) {
    const message = `expected at most ${MOST_OUTPUTS} in all, got ${outputs.length}`;
    throw problem(['outputs'], '--destination-dir', message);
  }
  const own = storage.type === 'directory' ? storage.path : undefined;
  if (own !== undefined) refuseSystemDirectory(own, ['storage'], '--data-dir', problem);
  const seen = new Set([own]);
  for (const { path } of outputs) {
    refuseSystemDirectory(path, ['outputs'], '--destination-dir', problem);
    // Two sets of files in one directory would take turns in replacing each other.
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

/** Where nothing of an agent's belongs: the root, and what the kernel shows there. */
const SYSTEM = /^\/(?:(?:dev|proc|sys)(?:\/.*)?)?$/;

function refuseSystemDirectory(
  path: string,
  field: readonly PropertyKey[],
  flag: string,
  problem: ProblemAt,
): void {
  if (!SYSTEM.test(path) || path.startsWith('/dev/shm/')) return;
  throw problem(field, flag, `expected a directory of its own, got ${printable(path)}`);
}
