/**
 * Joins and renewals of a machine that proves itself anew each time: one request over which all proof is made, evidence
 * for it, and checked certificates.
 */
import type { JoinAnswer, JoinBody } from '../shared/protocol/join.ts';
import type { Broker } from './broker.ts';
import type { Effects } from './effects.ts';
import type { GatherEvidence } from './evidence.ts';
import { Failure } from './failure.ts';
import type { Instance } from './instance-state.ts';
import { acceptAnswer, type Joined } from './join-answer.ts';
import { clusterOf, createKeys, makeRequest } from './join-request.ts';
import type { Joiner } from './joiner.ts';
import { proofOf } from './joining-keys.ts';
import { type Backoff, retrying } from './retry.ts';
import type { AgentSettings, Output } from './settings.ts';

/** Who is asked during a join. */
interface JoinPartners {
  readonly broker: Broker;
  readonly gather: GatherEvidence;
}

const AFRESH: Backoff = { tries: 6, firstMs: 1000, mostMs: 30_000 };
const SAME_REQUEST: Backoff = { tries: 4, firstMs: 1000, mostMs: 15_000 };

export const joinByEvidence = (
  settings: AgentSettings,
  partners: JoinPartners,
  effects: Effects,
): Omit<Joiner, 'close'> => ({
  join: (instance, due) => join(settings, due, instance, partners, effects),
  storesItself: false,
});

/** Renews the instance, or joins afresh where there is none or the broker doesn't know it any more. */
async function join(
  settings: AgentSettings,
  due: readonly Output[],
  instance: Instance | undefined,
  partners: JoinPartners,
  effects: Effects,
): Promise<Joined> {
  let renewing = instance && instance.expires > effects.clock.now() ? instance : undefined;
  return retrying(
    effects,
    AFRESH,
    ({ code }) =>
      code === 'broker_unreachable' ||
      code === 'broker_unavailable' ||
      code === 'throttled' ||
      code === 'try_again',
    async () => {
      try {
        return await joinOnce(settings, due, renewing, instance, partners, effects);
      } catch (error) {
        if (!(renewing && error instanceof Failure && error.code === 'instance_unknown'))
          throw error;
        effects.log.warn(`${error.message}: joining afresh`);
        renewing = undefined;
        return await joinOnce(settings, due, renewing, instance, partners, effects);
      }
    },
  );
}

async function joinOnce(
  settings: AgentSettings,
  due: readonly Output[],
  renewing: Instance | undefined,
  known: Instance | undefined,
  { broker, gather }: JoinPartners,
  effects: Effects,
): Promise<Joined> {
  const cluster = await clusterOf(settings, known, broker, effects.clock.now());
  const prove = await gather();
  const keys = await createKeys(due);
  const asking = makeRequest(settings, due, cluster, keys, {
    ...(renewing && { instance: { id: renewing.id, generation: renewing.generation } }),
  });
  const request = JSON.stringify(asking);
  const { members, goodUntil, machine } = await prove(request);
  const body = { request, ...members, ...(renewing && { proof: proofOf(request, renewing.key) }) };
  const answer = await send(body, goodUntil, broker, effects);
  const circumstances = { asked: asking.certificates, renewing, known };
  const joined = await acceptAnswer(answer, keys, settings, circumstances, effects.clock.now());
  return { ...joined, ...(machine !== undefined && { machine }) };
}

/**
 * Sends the very same request again as long as it isn't known whether the broker carried it out: it then answers with
 * the same instance and generation once more.
 */
function send(
  body: JoinBody,
  goodUntil: Date,
  broker: Broker,
  effects: Effects,
): Promise<JoinAnswer> {
  const mayHaveWorked = ({ code, retryAfterMs = 0 }: Failure): boolean => {
    const lost = code === 'broker_unreachable' || code === 'broker_unavailable';
    const soonest = effects.clock.now().getTime() + retryAfterMs;
    return lost && soonest < goodUntil.getTime();
  };
  return retrying(effects, SAME_REQUEST, mayHaveWorked, () => broker.join(body));
}
