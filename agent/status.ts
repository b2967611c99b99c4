/** `joinbot status`: what the agent has written, by the files alone. Nobody is asked, and nothing is changed. */
import { formatTimestamp } from '../shared/protocol/values.ts';
import { Failure } from './failure.ts';
import { type StoredState, storedState } from './instance-state.ts';
import type { LogFormat } from './log.ts';
import { printable } from './printable.ts';
import { loadLists } from './revocation/stored-lists.ts';
import { isGood, type WrittenIdentity, writtenIdentity } from './written-identity.ts';

/** One directory. Times are UTC; `seconds_left` is 0 where there is nothing good. */
interface DirectoryStatus {
  readonly directory: string;
  readonly state: 'good' | 'expired' | 'not_yet_valid' | 'missing' | 'unreadable';
  /** Why it can't be read. */
  readonly problem?: string;
  readonly seconds_left: number;
  readonly certificate?: {
    /** `URI:spiffe://…`, or the names of a host. */
    readonly names: string;
    readonly serial: string;
    readonly valid_from: string;
    readonly valid_to: string;
  };
  readonly ssh?: {
    readonly key_id: string;
    readonly principals: readonly string[];
    readonly valid_to: string;
  };
  /** Of the agent's own directory. */
  readonly instance?: StoredState;
  /** The revocation lists that the agent has, where something is to have them. */
  readonly revocation?: {
    readonly version: number;
    readonly this_update: string;
    readonly next_update: string;
  };
}

export interface Status {
  readonly text: string;
  /** Whether every directory has a certificate that is good now. */
  readonly isGood: boolean;
}

export async function statusOf(
  directories: readonly string[],
  format: LogFormat,
  now: Date,
): Promise<Status> {
  const all: DirectoryStatus[] = [];
  for (const directory of directories) all.push(await directoryStatus(directory, now));
  return {
    text:
      format === 'json'
        ? `${JSON.stringify(all, undefined, 2)}\n`
        : all.map((one) => describe(one)).join('\n'),
    isGood: all.every(({ state }) => state === 'good'),
  };
}

async function directoryStatus(directory: string, now: Date): Promise<DirectoryStatus> {
  try {
    const identity = await writtenIdentity(directory);
    if (!identity) return { directory, state: 'missing', seconds_left: 0 };
    const instance = await storedState(directory);
    const revocation = await revocationIn(directory);
    return {
      directory,
      ...validityOf(identity, now),
      ...certificatesOf(identity),
      ...(instance && { instance }),
      ...(revocation && { revocation }),
    };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { directory, state: 'unreadable', problem: error.message, seconds_left: 0 };
  }
}

async function revocationIn(directory: string): Promise<DirectoryStatus['revocation']> {
  const stored = await loadLists(directory);
  if (!stored) return undefined;
  const { version, this_update, next_update } = stored.lists;
  return { version, this_update, next_update };
}

function validityOf(
  identity: WrittenIdentity,
  now: Date,
): Pick<DirectoryStatus, 'state' | 'seconds_left'> {
  const { validToDate } = identity.tls;
  if (!isGood(identity, now))
    return { state: now < validToDate ? 'not_yet_valid' : 'expired', seconds_left: 0 };
  return {
    state: 'good',
    seconds_left: Math.floor((validToDate.getTime() - now.getTime()) / 1000),
  };
}

const certificatesOf = ({
  tls,
  ssh,
}: WrittenIdentity): Pick<DirectoryStatus, 'certificate' | 'ssh'> => ({
  certificate: {
    names: printable(tls.subjectAltName ?? ''),
    serial: tls.serialNumber.toLowerCase(),
    valid_from: formatTimestamp(tls.validFromDate),
    valid_to: formatTimestamp(tls.validToDate),
  },
  ...(ssh && {
    ssh: {
      key_id: printable(ssh.keyId),
      principals: ssh.principals.map((one) => printable(one)),
      valid_to: formatTimestamp(ssh.validBefore),
    },
  }),
});

const IN_WORDS = {
  good: 'good',
  expired: 'EXPIRED',
  not_yet_valid: 'NOT YET VALID (is the clock right?)',
  missing: 'NO CERTIFICATE YET',
  unreadable: 'UNREADABLE',
} as const;

function describe(status: DirectoryStatus): string {
  const { directory, state, problem, certificate, ssh, instance, revocation } = status;
  const until =
    certificate && `until ${certificate.valid_to}${state === 'good' ? left(status) : ''}`;
  const lines = [
    `${printable(directory)}: ${[IN_WORDS[state], until].filter(Boolean).join(' ')}`,
    problem && printable(problem, 500),
    instance &&
      `instance ${instance.id}, generation ${instance.generation}, ${instance.owner}, of ${instance.broker}`,
    certificate && `x509  ${certificate.names} (serial ${certificate.serial})`,
    ssh && `ssh   ${ssh.principals.join(', ')} (key id ${ssh.key_id})`,
    revocation &&
      `revocation lists of ${revocation.this_update}, good until ${revocation.next_update}`,
  ];
  return `${lines.filter(Boolean).join('\n  ')}\n`;
}

const left = ({ seconds_left: seconds }: DirectoryStatus): string =>
  ` (${seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`} left)`;
