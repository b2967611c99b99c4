/**
 * Keeps joiners from making the broker hammer the management API (rule 7): the same question is asked once at a time,
 * a "no such machine" lives 5 seconds, a subscription or set is listed at most once in 30 seconds, and what failed is left
 * alone for as long as the API asks for.
 */
import { DEADLINE_MS, withDeadline } from '../../deadline.ts';
import { justAsked, type Refusal, unavailable } from '../../refusal.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import {
  isOfResourceOnly,
  type MachineDescription,
  type MachineDirectory,
  unavailableHere,
} from './machine-directory.ts';
import { remember } from './remember.ts';
import { formatMachineId } from './resource-id.ts';

const NEGATIVE_SECONDS = 5;
const LIST_COOLDOWN_SECONDS = 30;
/** One machine can't keep taking the turn of others: once it was looked for, not again in this time. */
const SEARCH_COOLDOWN_SECONDS = 300;

type Answer = Promise<MachineDescription | undefined>;
/** What no answer in time says: of a list, that it is long; of one machine, that nobody answers. */
type Late = (message: string) => Refusal;

/** The same directory, guarded. `now` is the server's clock. */
export function guardMachineDirectory(
  directory: MachineDirectory,
  now: () => Date,
): MachineDirectory {
  const pending = new Map<string, Answer>();
  const unknownSince = new Map<string, number>();
  const listedAt = new Map<string, number>();
  const subscriptions = createCircuitBreaker(now, (error) => !isOfResourceOnly(error));
  const resources = createCircuitBreaker(now, isOfResourceOnly);

  const within = (times: Map<string, number>, key: string, seconds: number): boolean =>
    now().getTime() - (times.get(key) ?? Number.NEGATIVE_INFINITY) < seconds * 1000;

  function ask(subscription: string, key: string, question: () => Answer, late: Late): Answer {
    if (within(unknownSince, key, NEGATIVE_SECONDS)) return Promise.resolve(undefined);
    const asked = pending.get(key);
    if (asked) return asked;
    const inTime = () =>
      withDeadline(question, 'the management API does not answer', DEADLINE_MS, late);
    const answer = resources
      .run(key, () => subscriptions.run(subscription, inTime))
      .then((machine) => {
        if (!machine) remember(unknownSince, key, now().getTime());
        return machine;
      })
      .finally(() => pending.delete(key));
    pending.set(key, answer);
    return answer;
  }

  function list(subscription: string, scope: string, vmId: string, question: () => Answer): Answer {
    const key = `${scope} ${vmId}`;
    if (pending.has(key) || within(unknownSince, key, NEGATIVE_SECONDS))
      return ask(subscription, key, question, unavailableHere);
    if (within(listedAt, key, SEARCH_COOLDOWN_SECONDS)) {
      throw justAsked('this machine was just looked for', SEARCH_COOLDOWN_SECONDS);
    }
    if (within(listedAt, scope, LIST_COOLDOWN_SECONDS)) {
      throw justAsked('machines of this subscription were just listed', LIST_COOLDOWN_SECONDS);
    }
    const search = async () => {
      // Only what is really asked takes a turn.
      remember(listedAt, scope, now().getTime());
      const machine = await question();
      // Only an answer counts as a search: after a failure the next try may come with the next list.
      remember(listedAt, key, now().getTime());
      return machine;
    };
    return ask(subscription, key, search, unavailableHere);
  }

  return {
    read: (id) => ask(id.subscription, formatMachineId(id), () => directory.read(id), unavailable),
    findInSet: async (set, vmId) =>
      list(set.subscription, formatMachineId(set), vmId, () => directory.findInSet(set, vmId)),
    findInSubscription: async (subscription, vmId) =>
      list(subscription, subscription, vmId, () =>
        directory.findInSubscription(subscription, vmId),
      ),
  };
}
