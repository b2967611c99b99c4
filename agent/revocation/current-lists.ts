/**
 * The revocation lists that the agent has. It asks for newer ones every few minutes, whatever the last answer was: each call costs
 * the broker's owner as much as a join does.
 */
import type { Broker } from '../broker.ts';
import { plainError } from '../durable-file.ts';
import type { Effects } from '../effects.ts';
import { Failure } from '../failure.ts';
import type { Instance } from '../instance-state.ts';
import type { AgentSettings } from '../settings.ts';
import { countingPins, type VerifiedTrust } from '../trust-bundle.ts';
import { type AcceptedLists, acceptLists } from './accept-lists.ts';
import { loadLists, type StoredLists, storeLists } from './stored-lists.ts';

/** Under what lists are believed. */
export interface ListTrust {
  readonly instance: Pick<Instance, 'trust'>;
  readonly trust: Pick<VerifiedTrust, 'bundle' | 'roots'>;
}

export interface CurrentLists {
  /** Milliseconds until the broker is to be asked again: 0 before the first time. */
  untilDue(): number;
  /** Asks the broker, and gives what there is then. Says in the log what failed, and never fails. */
  refresh(
    under: ListTrust,
    timeoutMs: number,
    wake: AbortSignal,
  ): Promise<AcceptedLists | undefined>;
}

/** The longest that one answer may take. */
export const LISTS_TIMEOUT_MS = 30_000;

export function currentLists(
  settings: Pick<AgentSettings, 'caPins' | 'storage' | 'revocationSeconds'>,
  broker: Pick<Broker, 'revoked'>,
  { clock, random, log }: Pick<Effects, 'clock' | 'random' | 'log'>,
): CurrentLists {
  const { storage, caPins } = settings;
  const intervalMs = settings.revocationSeconds * 1000;
  let held: AcceptedLists | undefined;
  let etag: string | undefined;
  let isLoaded = false;
  let askedAt: number | undefined;
  let waitMs = 0;

  /** Whether they took the place of those that are held. */
  async function accept(
    { lists, etag: tag }: StoredLists,
    { instance, trust }: ListTrust,
  ): Promise<boolean> {
    const pins = countingPins(caPins, instance.trust);
    const accepted = await acceptLists(lists, { trust, pins, known: held, now: clock.now() });
    if (accepted === held) return false;
    [held, etag] = [accepted, tag];
    return true;
  }

  /** What can't be read or isn't believed any more is as good as none. */
  async function load(under: ListTrust): Promise<void> {
    if (isLoaded || storage.type !== 'directory') return;
    isLoaded = true;
    await attempt('the stored revocation lists are not used', async () => {
      const stored = await loadLists(storage.path);
      if (stored) await accept(stored, under);
    });
  }

  async function ask(under: ListTrust, timeoutMs: number, wake: AbortSignal): Promise<void> {
    const answer = await broker.revoked(etag, timeoutMs, wake);
    if (!answer) return;
    if (!(await accept(answer, under))) return;
    log.debug(`the revocation lists are those of ${answer.lists.this_update}`);
    if (storage.type === 'directory')
      await attempt('the revocation lists are not kept for a restart', () =>
        storeLists(storage.path, answer),
      );
  }

  async function attempt(
    failed: string,
    work: () => Promise<void>,
    wake?: AbortSignal,
  ): Promise<Failure | undefined> {
    try {
      await work();
      return undefined;
    } catch (thrown) {
      const error = plainError(thrown);
      if (!(error instanceof Failure)) throw error;
      if (!wake?.aborted) log.warn(`${failed}: ${error.message}`);
      return error;
    }
  }

  return {
    untilDue() {
      if (askedAt === undefined) return 0;
      const passed = clock.now().getTime() - askedAt;
      // Where the clock was set back, nobody knows how much time has passed.
      return passed < 0 ? 0 : Math.max(0, waitMs - passed);
    },
    async refresh(under, timeoutMs, wake) {
      await load(under);
      const failure = await attempt(
        'there are no newer revocation lists',
        () => ask(under, timeoutMs, wake),
        wake,
      );
      askedAt = clock.now().getTime();
      waitMs = Math.max(intervalMs * (1 - random() / 10), failure?.retryAfterMs ?? 0);
      return held;
    },
  };
}
