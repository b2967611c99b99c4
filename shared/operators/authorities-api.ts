/** What operators do with the authorities: see them, make the first keys, replace those that age or leaked. */
import { backUpKeys } from '../authority/backup-keys.ts';
import type { RememberedRoot } from '../authority/custody.ts';
import { initAuthorities } from '../authority/init-authorities.ts';
import { rowName } from '../authority/key-store.ts';
import type { Keyring } from '../authority/keyring.ts';
import { sayMissing } from '../authority/missing-authority.ts';
import { stateOf } from '../authority/published-keys.ts';
import { replaceAuthority } from '../authority/replace-authority.ts';
import { planRestore, restoreKeys } from '../authority/restore-keys.ts';
import { retireRoot } from '../authority/retire-root.ts';
import { type RotationParts, type RotationReport, readKeys } from '../authority/rotate.ts';
import { lostKinds, successorDue } from '../authority/rotation.ts';
import { type KeyDescription, NEVER } from '../authority/signing-key.ts';
import { caPin } from '../authority/trust-bundle.ts';
import type { Call } from '../call.ts';
import type {
  AuthorityStatus,
  InitBody,
  KeyRecord,
  RetireBody,
  RotateBody,
  RotatedAuthority,
} from '../protocol/authorities.ts';
import type { KeyBackup, RestoreBody, Restored } from '../protocol/backup.ts';
import { formatTimestamp } from '../protocol/values.ts';
import { unavailable } from '../refusal.ts';
import type { Resources } from '../storage/resources.ts';
import type { Row, Table } from '../storage/table.ts';

export interface AuthoritiesApi {
  /** From the table itself, not from memory. */
  status(): Promise<AuthorityStatus>;
  /** The first keys. Throws `already_exists` where there are some, or something has to be said first. */
  init(body: InitBody, call: Call): Promise<void>;
  /** A successor, or after a leak a new key in the place of all of its kind. See `replaceAuthority` for what it throws. */
  rotate(name: RotatedAuthority, body: RotateBody, call: Call): Promise<void>;
  /** Ends a root whose successor signs. See `retireRoot` for what it throws. */
  retire(body: RetireBody, call: Call): Promise<void>;
  /** The keys' rows as they are stored, for a backup. Throws `unavailable` where one is lost. */
  backUp(): Promise<KeyBackup>;
  /** Brings the keys back. See `planRestore` for what it throws. */
  restore(body: RestoreBody, call: Call): Promise<Restored>;
}

/** The revocation lists, as far as their state goes. `current` throws where they can't be made. */
export interface ServedLists {
  current(): Promise<{
    readonly version: number;
    readonly certificates: number;
    readonly thisUpdate: Date;
    readonly nextUpdate: Date;
    readonly rootUpdate: Date | undefined;
  }>;
}

/** Told of what was done to the keys, when every function instance has been told, too. */
export type OnKeysChanged = (report: RotationReport, call: Call) => Promise<void>;

export function createAuthoritiesApi(
  parts: RotationParts,
  keyring: Keyring,
  resources: Pick<Resources, 'tellKeysChanged'>,
  table: Table,
  lists: ServedLists,
  onChanged: OnKeysChanged,
  now: () => Date,
): AuthoritiesApi {
  /** Every function instance has to stop using what was replaced. */
  async function tellEverybody(): Promise<void> {
    try {
      await resources.tellKeysChanged();
    } catch (error) {
      throw unavailable(
        'the keys were changed, but that could not be told: function instances notice it within five minutes instead of five seconds',
        5,
        error,
      );
    }
    await keyring.reload();
  }

  return {
    async status() {
      const at = now();
      const { stored, genuine, present } = await readKeys(parts, at);
      const lost = lostKinds(present, at);
      const remembered: RememberedRoot | undefined =
        lost.length === 0 ? undefined : await parts.custody.rememberedRoot();
      const keys = present.keys.filter(({ expires }) => expires * 1000 > at.getTime());
      return {
        cluster: parts.cluster,
        ca_pins: keys
          .filter(({ purpose }) => purpose === 'root')
          .map(({ publicKey }) => caPin(publicKey)),
        keys: keys.map((key) => recordOf(key, keys, parts, at)),
        ...(lost.length > 0 && {
          missing: sayMissing({ stored, lost, remembered, cluster: parts.cluster }),
        }),
        ...(lost.length === 0 && (await listStatusOf(lists))),
        ignored: [...(genuine?.ignored ?? [])].slice(0, MOST_NAMES),
      };
    },
    async init({ resume = false, give_up: giveUp = [] }, call) {
      const report = await initAuthorities(parts, { resume, giveUp }, now());
      await keyring.reload();
      await onChanged(report, call);
    },
    async rotate(name, { numbers, leaked = false }, call) {
      const report = await replaceAuthority(parts, name, { numbers, leaked }, now());
      await tellEverybody();
      await onChanged(report, call);
    },
    async retire({ numbers }, call) {
      const report = await retireRoot(parts, numbers, now());
      await tellEverybody();
      await onChanged(report, call);
    },
    backUp: () => backUpKeys(parts, now()),
    async restore({ rows, replace = false, give_up: giveUp, dry_run: dryRun = false }, call) {
      const plan = await planRestore(parts, { rows, replace, giveUp }, await table.list({}), now());
      const names = (some: readonly Row[]): string[] => some.map(rowName).slice(0, MOST_NAMES);
      const answer = {
        ca_pins: plan.pins,
        written: names(plan.write),
        removed: names(plan.remove),
        kept: names(plan.keep),
      };
      if (dryRun) return answer;
      const report = await restoreKeys(parts, table, plan, now());
      await tellEverybody();
      await onChanged(report, call);
      return answer;
    },
  };
}

const MOST_NAMES = 50;

/** Nothing where they can't be made now: whoever keeps them tells why. */
async function listStatusOf({
  current,
}: ServedLists): Promise<Pick<AuthorityStatus, 'revocation'>> {
  try {
    const { version, certificates, thisUpdate, nextUpdate, rootUpdate } = await current();
    return {
      revocation: {
        version,
        certificates,
        this_update: formatTimestamp(thisUpdate),
        next_update: formatTimestamp(nextUpdate),
        ...(rootUpdate && { root_update: formatTimestamp(rootUpdate) }),
      },
    };
  } catch {
    return {};
  }
}

function recordOf(
  key: KeyDescription,
  keys: readonly KeyDescription[],
  { policy }: RotationParts,
  at: Date,
): KeyRecord {
  const due = successorDue(key, keys, policy);
  return {
    authority: key.owner,
    purpose: key.purpose,
    number: key.sequence,
    state: stateOf(key, keys, policy, at.getTime() / 1000),
    starts: timestampOf(key.starts),
    ...(key.expires !== NEVER && { expires: timestampOf(key.expires) }),
    ...(due !== undefined && { successor_due: timestampOf(due) }),
  };
}

const timestampOf = (seconds: number): string => formatTimestamp(new Date(seconds * 1000));
