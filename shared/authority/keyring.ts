/**
 * The authorities in the memory of one function instance. Instances and the timer never share memory, so keys are read
 * again by time, and early when one is missing, at most once per cooldown (rule 8).
 */

import { withDeadline } from '../deadline.ts';
import type { OnLookup } from '../lookups.ts';
import { Refusal, unavailable } from '../refusal.ts';
import { retryAfterOf } from '../retry-after.ts';
import { type Authorities, authoritiesOf } from './authorities.ts';
import { type GenuineKeys, openGenuineKeys } from './genuine-keys.ts';
import type { StoredKeys } from './key-store.ts';
import { sayMissing } from './missing-authority.ts';
import {
  lookAtKeys,
  presentOf,
  type RotationParts,
  type RotationReport,
  rotateKeys,
} from './rotate.ts';
import { lostKinds } from './rotation.ts';

export interface Keyring {
  /** The authorities of now, from keys that were read at most five minutes ago. Throws `unavailable`. */
  authorities(): Promise<Authorities>;
  /** Reads the keys again unless that was just done; whether anything was read. */
  refresh(): Promise<boolean>;
  /** Reads the keys again, at once: somebody has just changed them. */
  reload(): Promise<void>;
  /** What is missing, as far as is known: an operator has to mend it. `undefined` where nothing is, or storage is down. */
  missing(): string | undefined;
}

export interface KeyringOptions {
  /** Whether keys that are due may be made here, where the timer was silent. They may unless this is `false`. */
  readonly makesKeys?: boolean;
  /**
   * Another text whenever an operator changed the keys. It is asked each time, so it costs nothing to ask: keys that were read
   * before it changed are not used any more, whatever else fails.
   */
  readonly changed?: () => string | undefined;
  readonly onLookup?: OnLookup;
  /** Told of what was made, is ignored or lost, whenever keys were read. */
  readonly onReport?: (report: RotationReport) => void;
}

const FRESH_SECONDS = 300;
const COOLDOWN_SECONDS = 10;
/** After a failure: nobody's requests make the broker hammer storage and vault. */
const FAILURE_SECONDS = 2;

export function createKeyring(
  parts: RotationParts,
  now: () => Date,
  {
    makesKeys = true,
    changed = () => undefined,
    onLookup = () => {},
    onReport = () => {},
  }: KeyringOptions = {},
): Keyring {
  let keys: GenuineKeys | undefined;
  let known: Authorities | undefined;
  let loadedAt = 0;
  let triedAt = 0;
  let failedAt = 0;
  let failure: unknown;
  let pending: Promise<Authorities> | undefined;
  let missing: string | undefined;
  let changeKnown: string | undefined;

  const age = (since: number): number => (now().getTime() - since) / 1000;

  /** Those of the keys in memory: which of them signs is a matter of time, too. */
  function current(): Authorities | undefined {
    if (!keys || age(loadedAt) >= parts.policy.reloadLag) return undefined;
    if (changed() !== changeKnown) return undefined;
    if (!known || known.changes * 1000 <= now().getTime())
      known = authoritiesOf(keys, parts.policy, now());
    return known;
  }

  async function load(): Promise<{ read: GenuineKeys; found: Authorities }> {
    const there = await parts.store.list();
    const first = await open(there);
    if (first) {
      const present = presentOf(there, first.read, now());
      // Not all that may be lost is needed: a root beside its successor is not.
      onReport({ done: [], ignored: first.read.ignored, lost: lostKinds(present, now()) });
      return first;
    }
    // Perhaps the timer is silent. What rotation may make is made here, too.
    const report = await (makesKeys ? rotateKeys : lookAtKeys)(parts, now());
    onReport(report);
    const stored = await parts.store.list();
    const second = await open(stored);
    if (!second) throw await lostAuthority(stored, report);
    return second;
  }

  async function open(stored: StoredKeys) {
    const read = await openGenuineKeys(stored, parts, now());
    const found = read && authoritiesOf(read, parts.policy, now());
    return read && found && { read, found };
  }

  async function lostAuthority(stored: StoredKeys, { lost }: RotationReport): Promise<Refusal> {
    const remembered = await parts.custody.rememberedRoot();
    missing = sayMissing({ stored, lost, remembered, cluster: parts.cluster });
    return unavailable(missing);
  }

  function loadOnce(): Promise<Authorities> {
    triedAt = now().getTime();
    pending ??= loadInTime().finally(() => {
      pending = undefined;
    });
    return pending;
  }

  async function loadInTime(): Promise<Authorities> {
    missing = undefined;
    const change = changed();
    // What comes too late is dropped: it may be older than what was loaded since.
    const { read, found } = await withDeadline(load, 'the signing keys can not be loaded now');
    keys = read;
    known = found;
    changeKnown = change;
    loadedAt = now().getTime();
    return found;
  }

  return {
    async authorities() {
      const recent = age(loadedAt) < FRESH_SECONDS || age(triedAt) < COOLDOWN_SECONDS;
      const hit = recent ? current() : undefined;
      onLookup(hit ? 'hit' : 'miss');
      if (hit) return hit;
      if (!pending && age(failedAt) < FAILURE_SECONDS) throw asUnavailable(failure);
      try {
        const found = await loadOnce();
        // It may have begun before the change that we know of.
        return changed() === changeKnown ? found : await loadOnce();
      } catch (error) {
        // Storage or vault are down: keys that are still good keep working (rule 7).
        const still = current();
        if (still) return still;
        failure = error;
        failedAt = now().getTime();
        throw asUnavailable(error);
      }
    },
    async refresh() {
      if (age(triedAt) < COOLDOWN_SECONDS) return false;
      try {
        await loadOnce();
      } catch (error) {
        throw asUnavailable(error);
      }
      return true;
    },
    async reload() {
      await pending?.catch(() => {});
      failedAt = 0;
      await loadOnce();
    },
    missing: () => missing,
  };
}

/** A refusal is made to be told; anything else may hold what is nobody's business. */
const asUnavailable = (error: unknown): Refusal =>
  error instanceof Refusal
    ? error
    : unavailable('the signing keys can not be loaded now', retryAfterOf(error), error);
