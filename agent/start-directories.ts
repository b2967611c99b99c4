/** Where `joinbot start` keeps its own identity and writes those of others: from the config file, or from flags. */
import { resolve } from 'node:path';
import type { JoinMethodName } from '../shared/protocol/join.ts';
import { parseWith } from '../shared/protocol/schema.ts';
import type { StartFlags } from './command-line.ts';
import type { ReadConfig } from './config-file.ts';
import { MOST_OUTPUTS } from './config-schema.ts';
import { Failure } from './failure.ts';
import { directoryPath } from './outputs/common-fields.ts';
import { printable } from './printable.ts';
import type { AgentSettings, Storage } from './settings.ts';

/** A problem of the file is named by its place there, one of the flags alone by the flag. */
export type ProblemAt = (path: readonly PropertyKey[], flag: string, message: string) => Failure;

type ConfigValue = ReadConfig['value'];

export function storageOf(flags: StartFlags, config: ConfigValue | undefined): Storage {
  if (flags.dataDir !== undefined) return placeOfFlag('--data-dir', flags.dataDir);
  const storage = config?.storage ?? { type: 'memory' };
  return storage.type === 'memory' ? storage : { type: 'directory', path: resolve(storage.path) };
}

/** `memory://`, `file:///directory` as tbot has them, or a path. */
export function placeOfFlag(flag: string, value: string): Storage {
  if (value === 'memory' || value === 'memory://') return { type: 'memory' };
  const path = /^file:\/\/(\/.*)/s.exec(value)?.[1] ?? value;
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
  for (const { destination } of outputs) {
    if (destination.type !== 'directory') continue;
    const { path } = destination;
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
