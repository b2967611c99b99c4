/**
 * The authorities in the memory of one function instance. Instances and the timer never share memory, so keys are read
 * again by time, and early when one is missing, at most once per cooldown (rule 8).
 */

import { withDeadline } from '../deadline.ts';
import type { OnLookup } from '../lookups.ts';
import { type Refusal, unavailable } from '../refusal.ts';
import { retryAfterOf } from '../retry-after.ts';
import { type Authorities, authoritiesOf } from './authorities.ts';
import { openGenuineKeys } from './genuine-keys.ts';
import { type RotationParts, rotateKeys } from './rotate.ts';

export interface Keyring {
  /** The authorities as of at most five minutes ago. With no keys yet, makes them. Throws `unavailable`. */
  authorities(): Promise<Authorities>;
  /** Reads the keys again unless that was just done; whether anything was read. */
  refresh(): Promise<boolean>;
}

const FRESH_SECONDS = 300;
const COOLDOWN_SECONDS = 10;
/** After a failure: nobody's requests make the broker hammer storage and vault. */
const FAILURE_SECONDS = 2;

export function createKeyring(
  parts: RotationParts,
  now: () => Date,
  onLookup: OnLookup = () => {},
): Keyring {
  let known: Authorities | undefined;
  let loadedAt = 0;
  let triedAt = 0;
  let failedAt = 0;
  let failure: unknown;
  let pending: Promise<Authorities> | undefined;

  const age = (since: number): number => (now().getTime() - since) / 1000;

  async function load(): Promise<Authorities> {
    let found = await open();
    if (!found) {
      await rotateKeys(parts, now());
      found = await open();
    }
    if (!found) throw unavailable('the signing keys can not be opened');
    return found;
  }

  async function open(): Promise<Authorities | undefined> {
    const genuine = await openGenuineKeys(await parts.store.list(), parts.custody);
    return genuine && authoritiesOf(genuine, now());
  }

  function loadOnce(): Promise<Authorities> {
    triedAt = now().getTime();
    pending ??= loadInTime().finally(() => {
      pending = undefined;
    });
    return pending;
  }

  async function loadInTime(): Promise<Authorities> {
    // What comes too late is dropped: it may be older than what was loaded since.
    known = await withDeadline(load, 'the signing keys can not be loaded now');
    loadedAt = now().getTime();
    return known;
  }

  const usable = (authorities: Authorities): boolean => authorities.issuing.notAfter > now();

  return {
    async authorities() {
      const recent = age(loadedAt) < FRESH_SECONDS || age(triedAt) < COOLDOWN_SECONDS;
      const hit = known && usable(known) && recent ? known : undefined;
      onLookup(hit ? 'hit' : 'miss');
      if (hit) return hit;
      if (!pending && age(failedAt) < FAILURE_SECONDS) throw asUnavailable(failure);
      try {
        return await loadOnce();
      } catch (error) {
        // Storage or vault are down: keys that are still good keep working (rule 7).
        if (known && usable(known)) return known;
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
  };
}

const asUnavailable = (error: unknown): Refusal =>
  unavailable('the signing keys can not be loaded now', retryAfterOf(error), error);
