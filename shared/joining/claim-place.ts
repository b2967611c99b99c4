/**
 * How many machines may have live instances of a join token, and whether a machine has two. A machine is counted once, so
 * one that was reinstalled, or made anew under its resource id, is never in its own way.
 */
import { denied, Refusal, throttled } from '../refusal.ts';
import type { Instances, StoredInstance, Tombstone } from '../storage/instances.ts';
import type {
  MachineRow,
  Machines,
  MadeInstance,
  Roll,
  StoredMachine,
} from '../storage/machines.ts';
import { unixSeconds } from './instance-record.ts';
import type { Report } from './report.ts';

/** A first join, right before it is carried out. */
export interface Newcomer {
  readonly joinToken: string;
  /** `max_machines` of the join token. */
  readonly limit: number | undefined;
  readonly machine: string;
  readonly incarnation: string;
  readonly owner: string;
  readonly instance: string;
  readonly at: Date;
}

interface Parts {
  readonly machines: Machines;
  readonly instances: Pick<Instances, 'read'>;
}

/** Without a limit a row keeps the newest: who has more is known by then. */
const MOST_MADE = 8;
/** So many that come at once have all been written by then. */
const MOST_RACES = MOST_MADE;
/**
 * So many may be made in this time, by one machine with one join token: each may have to be on the list of what is revoked for
 * a day, and nobody reads lists without end.
 */
const PACE_SECONDS = 10;
/** With one it keeps all that live: one that was forgotten would free the place while it goes on. They fit one column. */
const MOST_MADE_IN_A_PLACE = 64;
/** An instance without a row counts as live for so long: its join is under way, or failed in between. */
const UNDER_WAY_SECONDS = 60;
/** Of more machines that may be over, the next attempt looks at the rest. */
const MOST_LOOKED_AT = 200;
const MOST_TOLD = 5;

/**
 * Writes that the machine makes this instance. Reports its other live instances of the same owner. Throws
 * `too_many_machines` where other machines have all the places, `throttled` where the machine makes instances without end.
 */
export async function claimPlace(
  newcomer: Newcomer,
  { machines, instances }: Parts,
  report: Report,
): Promise<void> {
  const { joinToken, limit, machine, instance, at } = newcomer;
  const isLive = liveness(instances, at);
  for (let tries = 0; tries < MOST_RACES; tries += 1) {
    const before = await machines.read(joinToken, machine);
    const made = before?.made ?? [];
    const own = made.find(({ id }) => id === instance);
    // The same request again has its place as long as it lives, or is under way.
    // A write that was refused may have been done: storage's library tries again, and meets its own (rule 16).
    const isWritten = tries > 0 && own?.at === unixSeconds(at);
    const hasPlace = own !== undefined && (isWritten || (await isLive(own)));
    const others = hasPlace ? made.slice(0, made.indexOf(own)) : made;
    const live = await keepLive(others, isLive);
    const beside = besides(live, newcomer);
    // It tells the same again: it may not have got this far before.
    if (beside.length > 0) report({ beside });
    if (hasPlace) return;
    checkPace(made, at);
    const row = rowAfter(newcomer, live);
    const written =
      limit === undefined || live.length > 0
        ? await machines.write(joinToken, row, before?.etag, at)
        : await addToRoll(row, before?.etag, newcomer, limit, machines, isLive);
    if (written) return;
  }
  throw new Refusal('try_again', 'many machines join at once: try again', { retryAfter: 1 });
}

/**
 * Takes a place that is free, if there is one. `false`: somebody was faster, another instance of the same machine too:
 * `etag` is of the row that this one was made from.
 */
async function addToRoll(
  row: MachineRow,
  etag: string | undefined,
  { joinToken, machine, at }: Newcomer,
  limit: number,
  machines: Machines,
  isLive: IsLive,
): Promise<boolean> {
  const roll = await machines.roll(joinToken, limit + MOST_LOOKED_AT);
  const others = roll.machines.filter((one) => one.machine !== machine);
  if (others.length < limit) return machines.add(joinToken, row, etag, roll, [], at);
  const { live, over } = await sort(others, limit, isLive);
  if (live.length >= limit) throw tooMany(joinToken, limit, live);
  if (!roll.isWhole) {
    await machines.takeOff(joinToken, over);
    return false;
  }
  return machines.add(joinToken, row, etag, roll, over, at);
}

/** Looks until as many are found that live as there may be. */
async function sort(
  others: Roll['machines'],
  limit: number,
  isLive: IsLive,
): Promise<{ live: readonly StoredMachine[]; over: readonly StoredMachine[] }> {
  const live: StoredMachine[] = [];
  const over: StoredMachine[] = [];
  for (let i = 0; i < others.length && live.length < limit; i += limit) {
    const some = others.slice(i, i + limit);
    const kept = await Promise.all(some.map(({ made }) => keepLive(made, isLive)));
    for (const [position, one] of some.entries()) (kept[position]?.length ? live : over).push(one);
  }
  return { live, over };
}

const tooMany = (joinToken: string, limit: number, live: readonly StoredMachine[]): Refusal => {
  const told = live
    .slice(0, MOST_TOLD)
    .map(({ machine, made }) => `${machine} (instance ${made.at(-1)?.id})`);
  const more = live.length > MOST_TOLD ? ` and ${live.length - MOST_TOLD} more` : '';
  return denied(
    'too_many_machines',
    `join token ${joinToken} has max_machines ${limit}, and so many have live instances: ${told.join(', ')}${more}`,
  );
};

function rowAfter(
  { machine, owner, incarnation, instance, limit, at }: Newcomer,
  live: readonly MadeInstance[],
): MachineRow {
  const made = { id: instance, owner, incarnation, at: unixSeconds(at) };
  if (limit === undefined) return { machine, made: [...live, made].slice(-MOST_MADE) };
  if (live.length < MOST_MADE_IN_A_PLACE) return { machine, made: [...live, made] };
  const message = 'too many instances of this machine live: try again when some are over';
  throw new Refusal('try_again', message, { retryAfter: 300 });
}

function checkPace(made: readonly MadeInstance[], at: Date): void {
  const first = made.at(-MOST_MADE);
  const wait = first === undefined ? 0 : first.at + PACE_SECONDS - unixSeconds(at);
  if (wait > 0) throw throttled('this machine makes many instances', wait);
}

/** A machine that was made anew is another one than it was before: what that one had is no sign of anything. */
const besides = (
  live: readonly MadeInstance[],
  { owner, incarnation }: Newcomer,
): readonly string[] =>
  live.filter((one) => one.owner === owner && one.incarnation === incarnation).map(({ id }) => id);

type IsLive = (made: MadeInstance) => Promise<boolean>;

const liveness =
  (instances: Pick<Instances, 'read'>, at: Date): IsLive =>
  async ({ id, owner, at: joined }) => {
    const stored = await instances.read(owner, id);
    return stored ? hasCertificate(stored, at) : unixSeconds(at) < joined + UNDER_WAY_SECONDS;
  };

/** An instance that was removed by hand counts as over, although its certificates live on. */
const hasCertificate = (stored: StoredInstance | Tombstone, at: Date): boolean =>
  !('removed' in stored) &&
  stored.instance.serials.some(({ expires }) => expires > unixSeconds(at));

async function keepLive(
  made: readonly MadeInstance[],
  isLive: IsLive,
): Promise<readonly MadeInstance[]> {
  const live = await Promise.all(made.map(isLive));
  return made.filter((_, i) => live[i]);
}

/** Whether none of these instances lives any more: for the sweep. */
export const areOver =
  (instances: Pick<Instances, 'read'>, at: Date) =>
  async (made: readonly MadeInstance[]): Promise<boolean> =>
    (await keepLive(made, liveness(instances, at))).length === 0;
