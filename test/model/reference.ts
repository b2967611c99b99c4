/**
 * The reference: what a broker must answer, as plain data and pure functions. Written from docs/design.md and
 * docs/protocol.md, not from the broker's code, and without storage, caches or cryptography. Times are in seconds.
 */
import {
  DOCUMENT_SECONDS,
  type Instance,
  type MachineFacts,
  type Name,
  placeOf,
  type Rules,
  type Sent,
  SIGNED_SECONDS,
  type State,
  type Target,
  type Verdict,
} from './terms.ts';

const DEFAULT_SECONDS = 3600;
const MOST_SECONDS = 86_400;
const LATE_SECONDS = 300;
/** Requests that one instance answers again, while their evidence is fresh. */
const MOST_ANSWERED = 10;
/** Of a machine that made more instances than these, the oldest may be forgotten. */
export const MOST_KNOWN = 7;
/** A join that came to nothing holds a place for so long. */
const HALF_WAY_SECONDS = 60;

/**
 * What the answer must be, if these are the rules that the function instance knows. `atHand`: it knows them without asking,
 * so whom no rule could admit by what it says of itself is denied before its instance is looked for. `doubt`: whether a
 * machine of which it can't be told holds a place.
 */
export function judge(
  state: State,
  rules: Rules,
  sent: Sent,
  { atHand, doubt }: { readonly atHand: boolean; readonly doubt: 'holds' | 'is over' },
): Verdict {
  const { at } = state;
  const { machine, renews } = sent;
  const secret = secretOf(rules, sent);
  const tokenEnds = endOf(rules, sent);
  const tokenName = secret?.[0] ?? sent.token;
  const { allow } = rules;
  const isMeant =
    !machine || (allow.groups !== 'elsewhere' && allow.groups.includes(machine.group));
  const early = [() => unusable(state, rules, sent), () => stale(state, sent)];
  for (const check of atHand ? early : early.toReversed()) {
    const reason = check();
    if (reason !== undefined) return no(reason);
  }
  if (!isMeant && (atHand || allow.groups === 'elsewhere')) return no('rule_mismatch');

  const held = state.instances[renews?.id ?? sent.makes];
  const again = held?.answered.find(({ digest, until }) => digest === sent.digest && until > at);
  if (renews) {
    if (
      !held ||
      held.removed ||
      held.owner !== sent.owner ||
      held.token !== sent.token ||
      (sent.method !== 'iam' && held.machine !== (machine?.vmId ?? '')) ||
      held.keyEnds <= at
    )
      return UNKNOWN;
    if (!again && held.generation !== renews.generation)
      return showsCopy(held, sent, at) ? no('copied_identity') : UNKNOWN;
    if (!again && held.key !== renews.key) return UNKNOWN;
  }

  // Only STS knows whose a request is.
  if (sent.method === 'iam' && renews && held?.machine !== sent.arn) return no('machine_mismatch');

  // The hint and the token's claims name the group: no machine is asked about that no rule could match.
  if (!isMeant) return no('rule_mismatch');

  // From here on the machine is proved.
  const id = renews?.id ?? sent.makes;
  const subjects: readonly Target[] = [
    ['join_token', tokenName],
    ['instance', id],
    ...(sent.owner === 'bot:example' ? [['bot', 'example'] as const] : []),
    ...(machine ? [['machine', machine.vmId] as const] : []),
    ...(sent.arn === undefined ? [] : [['aws_arn', sent.arn] as const]),
  ];
  const locks = Object.values(rules.locks);
  if (locks.some((lock) => subjects.some((subject) => sameTarget(lock, subject))))
    return no('locked', true);
  // A host's used request is denied before its names are looked at; a bot's after its machine was counted.
  const isFull = !hasPlace(state, rules, sent, doubt);
  if (isFull && sent.owner === 'bot:example') return no('too_many_machines', true);
  if (!renews && held && !again) {
    // The very same first join again is no sign that somebody else has the secret.
    const reason = held.madeBy === sent.digest ? 'request_used' : usedReason(sent);
    return no(held.removed && reason === 'request_used' ? 'instance_removed' : reason, true);
  }
  if (machine && sent.owner === 'host:Node' && !mayHave(machine, state.names[machine.hostName]))
    return no('host_name_taken', true);
  if (isFull) return no('too_many_machines', true);

  const ends = sent.ttls.map((ttl, i) =>
    Math.min(
      at + Math.min(ttl ?? DEFAULT_SECONDS, MOST_SECONDS),
      sent.owner === 'bot:example' ? at + rules.roleSeconds : FOREVER,
      sent.method === 'token' ? FOREVER : tokenEnds,
      again?.ends[i] ?? FOREVER,
    ),
  );
  if (again) return { kind: 'admitted', id, generation: again.generation, again: true, ends };
  const fresh = held?.answered.filter(({ until }) => until > at) ?? [];
  if (sent.method !== 'token' && fresh.length >= MOST_ANSWERED)
    return { kind: 'refused', code: 'try_again' };
  return { kind: 'admitted', id, generation: (held?.generation ?? 0) + 1, again: false, ends };
}

const FOREVER = Number.POSITIVE_INFINITY;

const secretOf = ({ secrets }: Rules, { token }: Sent) =>
  Object.entries(secrets).find(([, { reference }]) => token === reference);

/** When its join token ends. */
const endOf = (rules: Rules, sent: Sent): number =>
  sent.method === 'azure' ? rules.allow.ends : (secretOf(rules, sent)?.[1].ends ?? FOREVER);

/** Why its join token is of no use. The end of one with a secret limits the first join only. */
function unusable({ at }: State, rules: Rules, sent: Sent): string | undefined {
  if (sent.method === 'token' && !secretOf(rules, sent)) return 'join_token_not_found';
  const isLimited = sent.method !== 'token' || !sent.renews;
  return isLimited && endOf(rules, sent) <= at ? 'join_token_expired' : undefined;
}

/** Why its evidence is good no more. */
function stale({ at }: State, { method, made }: Sent): string | undefined {
  if (method === 'azure' && at > made + DOCUMENT_SECONDS) return 'document_times';
  return method === 'iam' && at > made + SIGNED_SECONDS ? 'sts_request_times' : undefined;
}

const UNKNOWN: Verdict = { kind: 'refused', code: 'instance_unknown' };
const no = (reason: string, proved = false): Verdict => ({ kind: 'denied', reason, proved });
const usedReason = ({ method }: Sent): string =>
  method === 'token' ? 'secret_used' : 'request_used';
export const sameTarget = ([kind, value]: Target, [otherKind, other]: Target): boolean =>
  kind === otherKind && value === other;

/** Design, "A copied identity". Every sender here signs with the key that it names. */
function showsCopy({ replaced }: Instance, sent: Sent, at: number): boolean {
  const before = replaced.find(({ generation }) => generation === sent.renews?.generation);
  return (
    sent.method === 'token' &&
    before !== undefined &&
    before.key === sent.renews?.key &&
    before.by !== sent.digest &&
    Math.min(sent.made, at) > before.at + LATE_SECONDS
  );
}

/**
 * Whether a first join finds a place among the join token's machines. One that has a live instance has its place: it is
 * never in its own way. A renewal isn't counted.
 */
function hasPlace(
  state: State,
  { allow, awsPlaces }: Rules,
  sent: Sent,
  doubt: 'holds' | 'is over',
): boolean {
  const limit = sent.method === 'azure' ? allow.places : awsPlaces;
  const own = placeOf(sent);
  if (sent.renews || own === '' || limit === undefined) return true;
  const { sure, perhaps } = placesHeld(state, sent.token);
  const others = new Set([...sure, ...(doubt === 'holds' ? perhaps : [])]);
  const mine = doubt === 'holds' ? sure : new Set([...sure, ...perhaps]);
  others.delete(own);
  return mine.has(own) || others.size < limit;
}

/** The places of machines that have a live instance of this join token, and of those that may be counted. */
export function placesHeld(
  { instances, halfWay, at }: State,
  token: string,
): { readonly sure: ReadonlySet<string>; readonly perhaps: ReadonlySet<string> } {
  const made = Object.groupBy(
    Object.values(instances).filter((one) => one.token === token && one.place !== ''),
    ({ place }) => place,
  );
  const live = Object.entries(made).filter(([, all = []]) =>
    all.some(({ removed, lastEnd }) => !removed && lastEnd > at),
  );
  const known = live.filter(([, all = []]) => all.length <= MOST_KNOWN);
  const half = Object.entries(halfWay).filter(
    ([place, since]) => place.startsWith(`${token} `) && at < since + HALF_WAY_SECONDS,
  );
  return {
    sure: new Set(known.map(([place]) => place)),
    perhaps: new Set([...live, ...half].map(([place]) => place)),
  };
}

const mayHave = ({ resource, vmId }: MachineFacts, name: Name | undefined): boolean =>
  !name || (name.resource === resource && !name.gone.includes(vmId));
