/**
 * The reference: what a broker must answer, as plain data and pure functions. Written from docs/design.md and
 * docs/protocol.md, not from the broker's code, and without storage, caches or cryptography. Times are in seconds.
 */

/** What operators have said, as of one change. */
export interface Rules {
  /** Locks in force, by their names: what each is on. */
  readonly locks: Readonly<Record<string, Target>>;
  /** The join tokens of method `azure`, which all have the same rule. */
  readonly allow: Allow;
  /** The join tokens of method `token`. */
  readonly secrets: Readonly<Record<string, Secret>>;
  /** The limit of the bot's role. */
  readonly roleSeconds: number;
}

export type Target = readonly [kind: 'bot' | 'join_token' | 'machine' | 'instance', value: string];

export interface Allow {
  /** Of the machines' own subscription; `elsewhere`: of another one. */
  readonly groups: readonly string[] | 'elsewhere';
  /** When the join tokens end. */
  readonly ends: number;
}

export interface Secret {
  readonly reference: string;
  readonly ends: number;
}

/** One request as its sender knows it. */
export interface Sent {
  readonly method: 'azure' | 'token';
  readonly digest: string;
  /** The join token: its name, or its secret's reference. */
  readonly token: string;
  readonly owner: 'bot:example' | 'host:Node';
  readonly machine?: MachineFacts;
  /** When its document was made, or when it says that it was written. */
  readonly made: number;
  readonly ttl: number | undefined;
  /** The instance key that it asks for. */
  readonly key: string;
  /** The instance that it makes if it is a first join. */
  readonly makes: string;
  readonly renews?: { readonly id: string; readonly generation: number; readonly key: string };
}

export interface MachineFacts {
  readonly resource: string;
  readonly vmId: string;
  readonly group: string;
  /** The name of the machine as a host. */
  readonly hostName: string;
}

export interface Instance {
  readonly owner: string;
  readonly token: string;
  readonly machine: string;
  /** Digest of the request of its first join. */
  readonly madeBy: string;
  readonly generation: number;
  readonly key: string;
  readonly keyEnds: number;
  /** The end of its last certificate. */
  readonly lastEnd: number;
  readonly answered: readonly Answered[];
  readonly replaced: readonly Replaced[];
  readonly removed: boolean;
  readonly goneAfter: number;
}

export interface Answered {
  readonly digest: string;
  readonly generation: number;
  readonly ends: number;
  readonly until: number;
}

export interface Replaced {
  readonly generation: number;
  readonly key: string;
  readonly by: string;
  readonly at: number;
  readonly until: number;
}

export interface Name {
  readonly resource: string;
  readonly vmId: string;
  readonly gone: readonly string[];
}

export interface State {
  readonly at: number;
  readonly instances: Readonly<Record<string, Instance>>;
  readonly names: Readonly<Record<string, Name>>;
}

export type Verdict =
  | {
      readonly kind: 'admitted';
      readonly id: string;
      readonly generation: number;
      readonly again: boolean;
      /** The end of its certificate. */
      readonly ends: number;
    }
  | { readonly kind: 'denied'; readonly reason: string; readonly proved: boolean }
  | { readonly kind: 'refused'; readonly code: 'instance_unknown' | 'try_again' };

/** A document is good for five minutes, and clocks may differ by one. */
export const DOCUMENT_SECONDS = 360;
const DEFAULT_SECONDS = 3600;
const MOST_SECONDS = 86_400;
const LATE_SECONDS = 300;
/** Requests that one instance answers again, while their evidence is fresh. */
const MOST_ANSWERED = 10;

/** What the answer must be, if these are the rules that the function instance knows. */
export function judge(state: State, rules: Rules, sent: Sent): Verdict {
  const { at } = state;
  const { machine, renews } = sent;
  if (sent.method === 'azure' && at > sent.made + DOCUMENT_SECONDS) return no('document_times');
  const secret = Object.entries(rules.secrets).find(
    ([, { reference }]) => sent.token === reference,
  );
  if (sent.method === 'token' && !secret) return no('join_token_not_found');
  const tokenEnds = sent.method === 'azure' ? rules.allow.ends : (secret?.[1].ends ?? 0);
  const tokenName = secret?.[0] ?? sent.token;
  // The end of a secret's join token limits the first join only.
  if ((sent.method === 'azure' || !renews) && tokenEnds <= at) return no('join_token_expired');
  if (machine && rules.allow.groups === 'elsewhere') return no('rule_mismatch');

  const held = state.instances[renews?.id ?? sent.makes];
  const again = held?.answered.find(({ digest, until }) => digest === sent.digest && until > at);
  if (renews) {
    if (
      !held ||
      held.removed ||
      held.owner !== sent.owner ||
      held.token !== sent.token ||
      held.machine !== (machine?.vmId ?? '') ||
      held.keyEnds <= at
    )
      return UNKNOWN;
    if (!again && held.generation !== renews.generation)
      return showsCopy(held, sent, at) ? no('copied_identity') : UNKNOWN;
    if (!again && held.key !== renews.key) return UNKNOWN;
  }

  // The hint and the token's claims name the group: no machine is asked about that no rule could match.
  if (machine && !rules.allow.groups.includes(machine.group)) return no('rule_mismatch');

  // From here on the machine is proved.
  const id = renews?.id ?? sent.makes;
  const subjects: readonly Target[] = [
    ['join_token', tokenName],
    ['instance', id],
    ...(sent.owner === 'bot:example' ? [['bot', 'example'] as const] : []),
    ...(machine ? [['machine', machine.vmId] as const] : []),
  ];
  const locks = Object.values(rules.locks);
  if (locks.some((lock) => subjects.some((subject) => sameTarget(lock, subject))))
    return no('locked', true);
  if (!renews && held && !again) {
    // The very same first join again is no sign that somebody else has the secret.
    const reason = held.madeBy === sent.digest ? 'request_used' : usedReason(sent);
    return no(held.removed && reason === 'request_used' ? 'instance_removed' : reason, true);
  }
  if (machine && sent.owner === 'host:Node' && !mayHave(machine, state.names[machine.hostName]))
    return no('host_name_taken', true);

  const ends = Math.min(
    at + Math.min(sent.ttl ?? DEFAULT_SECONDS, MOST_SECONDS),
    sent.owner === 'bot:example' ? at + rules.roleSeconds : Number.POSITIVE_INFINITY,
    sent.method === 'azure' ? tokenEnds : Number.POSITIVE_INFINITY,
  );
  if (again) {
    const { generation } = again;
    return { kind: 'admitted', id, generation, again: true, ends: Math.min(again.ends, ends) };
  }
  const fresh = held?.answered.filter(({ until }) => until > at) ?? [];
  if (sent.method === 'azure' && fresh.length >= MOST_ANSWERED)
    return { kind: 'refused', code: 'try_again' };
  return { kind: 'admitted', id, generation: (held?.generation ?? 0) + 1, again: false, ends };
}

const UNKNOWN: Verdict = { kind: 'refused', code: 'instance_unknown' };
const no = (reason: string, proved = false): Verdict => ({ kind: 'denied', reason, proved });
const usedReason = ({ method }: Sent): string =>
  method === 'azure' ? 'request_used' : 'secret_used';
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

const mayHave = ({ resource, vmId }: MachineFacts, name: Name | undefined): boolean =>
  !name || (name.resource === resource && !name.gone.includes(vmId));
