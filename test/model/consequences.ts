/** The other half of the reference: the state after an answer, a removal, a freed name or a sweep. */
import {
  type Answered,
  DOCUMENT_SECONDS,
  type Instance,
  placeOf,
  type Rules,
  type Sent,
  SIGNED_SECONDS,
  type State,
  type Verdict,
} from './terms.ts';

/** No document that was good for a request is good any more: its clock may have been ahead by a minute. */
const EVIDENCE_SECONDS = DOCUMENT_SECONDS + 60;
/** No request to STS that was good is good any more: the same. */
const SIGNATURE_SECONDS = SIGNED_SECONDS + 60;
/** How long a row outlives everything that it says. */
const GRACE_SECONDS = 3600;

/** The state after a host's name was claimed, whatever became of its join. */
export function afterClaim(state: State, { machine, owner }: Sent): State {
  if (!machine || owner !== 'host:Node') return state;
  const { resource, vmId, hostName } = machine;
  const held = state.names[hostName];
  const gone = held && held.vmId !== vmId ? [...held.gone, held.vmId] : (held?.gone ?? []);
  return { ...state, names: { ...state.names, [hostName]: { resource, vmId, gone } } };
}

/**
 * The state after this answer. A denial changes nothing here: the lock on a copy is a change of the rules. But a machine
 * that was made anew keeps the name that it took over, although it finds no place.
 */
export function afterVerdict(state: State, rules: Rules, sent: Sent, verdict: Verdict): State {
  if (verdict.kind === 'denied' && verdict.reason === 'too_many_machines')
    return state.names[sent.machine?.hostName ?? ''] ? afterClaim(state, sent) : state;
  if (verdict.kind !== 'admitted') return state;
  const claimed = afterClaim(state, sent);
  if (verdict.again) return claimed;
  const { at } = state;
  const { id, generation, ends } = verdict;
  const before = state.instances[id];
  const byKey = sent.method === 'token';
  const [keyEnds = 0] = ends;
  const lastEnd = Math.max(before?.lastEnd ?? 0, ...ends);
  const evidenceEnds = byKey
    ? lastEnd
    : at + (sent.method === 'iam' ? SIGNATURE_SECONDS : EVIDENCE_SECONDS);
  const answered: Answered = { digest: sent.digest, generation, ends, until: evidenceEnds };
  const secret = Object.values(rules.secrets).find(({ reference }) => reference === sent.token);
  const instance: Instance = {
    owner: sent.owner,
    token: sent.token,
    machine: sent.machine?.vmId ?? sent.arn ?? '',
    place: placeOf(sent),
    madeBy: before?.madeBy ?? sent.digest,
    generation,
    key: sent.key,
    // No renewal by the key alone shortens the time in which the instance can renew itself.
    keyEnds: byKey ? Math.max(before?.keyEnds ?? 0, keyEnds) : keyEnds,
    lastEnd,
    // An older request of method `token` is of an older key.
    answered: [...(byKey ? [] : (before?.answered ?? [])), answered],
    replaced: before
      ? [
          // What is over by the next renewal may be forgotten.
          ...before.replaced,
          {
            generation: before.generation,
            key: before.key,
            by: sent.digest,
            at,
            until: Math.max(before.keyEnds, before.lastEnd),
          },
        ].filter(({ until }) => until > at)
      : [],
    removed: false,
    goneAfter: Math.max(lastEnd, evidenceEnds, secret?.ends ?? 0) + GRACE_SECONDS,
  };
  return { ...claimed, instances: { ...claimed.instances, [id]: instance } };
}

/** The state after a join came to nothing: its machine may have been counted, and its name claimed. */
export function afterHalfAJoin(state: State, sent: Sent): State {
  const place = placeOf(sent);
  if (sent.renews || place === '') return state;
  return { ...state, halfWay: { ...state.halfWay, [place]: state.at } };
}

/** The state after an operator has removed an instance: what is left of it still counts as used. */
export function afterRemoval(state: State, id: string): State | undefined {
  const instance = state.instances[id];
  if (!instance || instance.removed) return undefined;
  const tombstone: Instance = { ...instance, removed: true, answered: [] };
  return { ...state, instances: { ...state.instances, [id]: tombstone } };
}

/** The state after an operator has freed a name. */
export function afterFreeing(state: State, name: string): State | undefined {
  if (!state.names[name]) return undefined;
  const { [name]: _, ...names } = state.names;
  return { ...state, names };
}

/** The state after a sweep that got as far as these rows. */
export function afterSweep(state: State, stays: (id: string) => boolean = () => false): State {
  const instances = Object.entries(state.instances).filter(
    ([id, { goneAfter }]) => goneAfter >= state.at || stays(id),
  );
  return { ...state, instances: Object.fromEntries(instances) };
}
