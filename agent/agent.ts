/** The agent's life: join, write what was granted, renew in time, keep revocation lists new; once only with `oneshot`. */
import { cutLifetime } from './cut-lifetimes.ts';
import {
  amendDestinations,
  type Destination,
  destinationsOf,
  expectDestination,
  writeDestinations,
} from './destinations.ts';
import { startDiagnostics } from './diagnostics.ts';
import { plainError } from './durable-file.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { healthOf } from './health.ts';
import type { Written } from './heartbeat.ts';
import { type Instance, loadInstance } from './instance-state.ts';
import type { Joiner } from './joiner.ts';
import type { Log } from './log.ts';
import { renewalPlan } from './renewal-plan.ts';
import { type CurrentLists, LISTS_TIMEOUT_MS } from './revocation/current-lists.ts';
import { dueOutputs, isDue, nextRound, type Round } from './round.ts';
import { sayAtStart, sayJoined, sayStillGood } from './said.ts';
import { untilNextTry } from './schedule.ts';
import type { AgentSettings } from './settings.ts';

/** Gives a signal that is aborted once the agent is told to renew now, or to stop, from here on. */
export type NextWake = () => AbortSignal;

/** What is to happen after each round of writing. Neither ever fails. */
export interface AfterWriting {
  /** Everything is written. */
  readonly done: () => Promise<void>;
  /** Everything was tried. */
  readonly tried: (written: Written) => Promise<void>;
}

/** So long may certificates wait for the first revocation lists. */
const FIRST_LISTS_MS = 10_000;

/** Ends when it was told to stop; with `oneshot`, once everything is written. Then a failure is thrown, else logged. */
export async function runAgent(
  settings: AgentSettings,
  openJoiner: () => Promise<Joiner>,
  lists: CurrentLists,
  effects: Effects,
  nextWake: NextWake,
  after: AfterWriting,
): Promise<void> {
  const { clock, random, log, stop } = effects;
  await sayAtStart(settings, effects);
  let joiner: Joiner | undefined;
  let instance: Instance | undefined;
  let destinations: readonly Destination[] = [];
  let round: Round | undefined;
  let cutBefore: string | undefined;
  const plan = renewalPlan(settings);
  if (!settings.oneshot) for (const note of plan.notes) log.warn(note);

  /** The joiner first: it may lock the storage directory, and nobody else changes what is read there afterwards. */
  async function begin(): Promise<Joiner> {
    const opened = joiner ?? (await openJoiner());
    joiner = opened;
    instance = await storedInstance(settings, opened, log);
    destinations = destinationsOf(settings, opened.storesItself, effects);
    return opened;
  }

  async function renew(by: Joiner): Promise<Round> {
    await expectDestination(destinations);
    const { outputs } = settings;
    const due = round && !isTold ? dueOutputs(round, outputs, plan, clock.now()) : outputs;
    const joined = await by.join(instance, due);
    sayJoined(joined, instance, effects);
    const cut = cutLifetime(joined, settings, due);
    if (cut !== undefined && cut !== cutBefore) log.warn(cut);
    cutBefore = cut;
    instance = joined.instance;
    const now = clock.now();
    return nextRound(round, joined, { outputs, due, destinations, plan, now, random });
  }

  const wantsLists = (): boolean => destinations.some(({ hasLists }) => hasLists);

  async function withNewLists({ held, ...rest }: Round, ms: number, wake: AbortSignal) {
    const current = await lists.refresh(held, Math.min(ms, LISTS_TIMEOUT_MS), wake);
    return { ...rest, held: { ...held, lists: current } };
  }

  /** Waits for this long, or until it is told to renew; meanwhile it asks for revocation lists when that is due. */
  async function rest(wait: number, wake: AbortSignal): Promise<void> {
    let left = wait;
    for (
      let next = isTold ? 0 : lists.untilDue();
      round && wantsLists() && next < left;
      next = lists.untilDue()
    ) {
      if (next > 0) await clock.sleep(next, wake);
      if (wake.aborted) return;
      left -= next;
      const began = clock.now().getTime();
      round = await withNewLists(round, left, wake);
      if (wake.aborted) return;
      await amendDestinations(destinations, round.held.lists, effects);
      // A clock that is set meanwhile must not make the wait longer, nor end it.
      left -= Math.min(Math.max(clock.now().getTime() - began, 0), LISTS_TIMEOUT_MS);
    }
    await clock.sleep(Math.max(left, 0), wake);
  }

  const renewals = { done: 0, failed: 0 };
  const diagnostics =
    settings.diagnostics && !settings.oneshot
      ? startDiagnostics(
          settings.diagnostics,
          () => healthOf(settings, round, destinations, renewals, clock.now()),
          effects,
        )
      : undefined;

  let begun: Joiner | undefined;
  let isTold = false;
  try {
    for (let failures = 0; !stop.aborted; ) {
      let wait: number;
      let working = true;
      // From before the work on: who tells the agent to renew meanwhile has changed something that this round may not see.
      const wake = nextWake();
      const onWake = (): void => {
        if (stop.aborted || settings.oneshot) return;
        log.info(`told to renew now${working ? ': again, once this renewal is over' : ''}`);
      };
      wake.addEventListener('abort', onWake, { once: true });
      try {
        begun ??= await begin();
        // What could not be written is written later as it is: a full disk is no reason to ask for new certificates.
        if (isTold || !round || isDue(round, clock.now())) round = await renew(begun);
        // Later ones come between renewals: whoever names the file wants it to be there from the start.
        if (wantsLists() && !round.held.lists && lists.untilDue() === 0)
          round = await withNewLists(round, FIRST_LISTS_MS, wake);
        const { unwritten, failure } = await writeDestinations(
          round.unwritten,
          round.held,
          effects,
        );
        round = { ...round, unwritten };
        if (!failure) await after.done();
        await after.tried({ held: round.held, destinations, unwritten });
        if (failure) throw failure;
        if (settings.oneshot) return;
        failures = 0;
        renewals.done += 1;
        wait = round.renewAt.getTime() - clock.now().getTime();
        log.debug(`the next renewal is in ${Math.round(wait / 1000)} s`);
      } catch (thrown) {
        const error = plainError(thrown);
        if (stop.aborted && !settings.oneshot) break;
        if (settings.oneshot || !(error instanceof Failure) || isFinal(error, begun)) throw error;
        failures += 1;
        renewals.failed += 1;
        wait = Math.max(untilNextTry(failures, random), error.retryAfterMs ?? 0);
        log.error(
          `${error.message}${sayStillGood(instance, clock.now())}; trying again in ${Math.round(wait / 1000)} s`,
        );
      }
      working = false;
      await rest(wait, wake);
      isTold = wake.aborted;
    }
  } finally {
    diagnostics?.close();
    for (const { close } of destinations) await close?.();
    await joiner?.close();
  }
  log.info('stopped');
}

/** Before it has begun, only what the disk or another process has in its way can pass. */
const isFinal = ({ code }: Failure, begun: Joiner | undefined): boolean =>
  begun === undefined && code !== 'files' && code !== 'busy';

/** Without its storage an agent joins afresh, unless its join method can't do without what was there. */
async function storedInstance(
  settings: AgentSettings,
  { storesItself }: Joiner,
  log: Log,
): Promise<Instance | undefined> {
  const { storage } = settings;
  if (storage.type !== 'directory') return undefined;
  try {
    return await loadInstance(settings, storage.path, log);
  } catch (error) {
    if (!(error instanceof Failure) || storesItself) throw error;
    log.warn(`joining afresh: ${error.message}`);
    return undefined;
  }
}
