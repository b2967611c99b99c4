/** A join or a renewal: one request over which all proof is made, evidence for it, and checked certificates. */
import { type KeyObject, randomUUID } from 'node:crypto';
import { certificationRequest } from '../shared/encoding/certification-request-encode.ts';
import type {
  CertificateWish,
  JoinAnswer,
  JoinBody,
  JoinRequest,
} from '../shared/protocol/join.ts';
import { formatDuration, parseTimestamp } from '../shared/protocol/values.ts';
import type { Broker } from './broker.ts';
import type { Effects } from './effects.ts';
import type { GatherEvidence } from './evidence.ts';
import { Failure } from './failure.ts';
import type { Instance } from './instance-state.ts';
import { checkIssued, type IssuedCertificate } from './issued-certificate.ts';
import { createKey, proofOf } from './joining-keys.ts';
import { type Backoff, retrying } from './retry.ts';
import type { AgentSettings } from './settings.ts';
import { type VerifiedTrust, verifyTrustBundle } from './trust-bundle.ts';

export interface Joined {
  readonly instance: Instance;
  readonly trust: VerifiedTrust;
  /** The agent's own identity first, then one for each output. */
  readonly certificates: readonly [IssuedCertificate, ...IssuedCertificate[]];
}

/** Who is asked during a join. */
export interface JoinPartners {
  readonly broker: Broker;
  readonly gather: GatherEvidence;
}

const AFRESH: Backoff = { tries: 6, firstMs: 1000, mostMs: 30_000 };
const SAME_REQUEST: Backoff = { tries: 4, firstMs: 1000, mostMs: 15_000 };

/**
 * Renews the instance, or joins afresh where there is none or the broker doesn't know it any more. Tries again where
 * that may help.
 */
export async function join(
  settings: AgentSettings,
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
        return await joinOnce(settings, renewing, instance, partners, effects);
      } catch (error) {
        if (!(renewing && error instanceof Failure && error.code === 'instance_unknown'))
          throw error;
        effects.log.warn(`${error.message}: joining afresh`);
        renewing = undefined;
        return await joinOnce(settings, renewing, instance, partners, effects);
      }
    },
  );
}

async function joinOnce(
  settings: AgentSettings,
  renewing: Instance | undefined,
  known: Instance | undefined,
  { broker, gather }: JoinPartners,
  effects: Effects,
): Promise<Joined> {
  // Before anything is proved: the request is for the broker of a bundle that was verified, and for no other.
  const cluster = await clusterOf(settings, known, broker, effects.clock.now());
  const prove = await gather();
  const keys = await Promise.all([createKey(), ...settings.outputs.map(createKey)]);
  const request = JSON.stringify({
    broker: cluster,
    id: randomUUID(),
    token: settings.token,
    join_method: settings.joinMethod,
    role: 'Bot',
    ...(renewing && { instance: { id: renewing.id, generation: renewing.generation } }),
    certificates: wishes(settings, keys),
  } satisfies JoinRequest);
  const { members, goodUntil } = await prove(request);
  const body = { request, ...members, ...(renewing && { proof: proofOf(request, renewing.key) }) };
  const answer = await send(body, goodUntil, broker, effects);
  return accept(answer, keys, settings, { renewing, known }, effects.clock.now());
}

/** The cluster name of the broker: as the bundle that is held says, until that wants to be refreshed. */
async function clusterOf(
  { caPins: pins }: AgentSettings,
  known: Instance | undefined,
  broker: Broker,
  now: Date,
): Promise<string> {
  const refreshAfter = parseTimestamp(known?.trust.refreshAfter ?? '');
  const isPinned = pins.length === 0 || (known && pins.includes(known.trust.root));
  if (known && isPinned && refreshAfter && refreshAfter > now) return known.trust.cluster;
  const trust = await verifyTrustBundle(await broker.trust(), {
    pins,
    known: known?.trust,
    now,
  });
  return trust.bundle.cluster;
}

/** The first key is the instance key. No output ever sees it: it can ask for anything that the bot may have. */
function wishes(settings: AgentSettings, keys: readonly KeyObject[]): CertificateWish[] {
  const ttl = formatDuration(settings.certificateTtlSeconds);
  return keys.map((key, position) => {
    const roles = settings.outputs[position - 1]?.roles;
    return {
      name: position === 0 ? 'identity' : `output-${position}`,
      csr: certificationRequest(key),
      ...(roles && { roles: [...roles] }),
      ttl,
    };
  });
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

async function accept(
  answer: JoinAnswer,
  keys: readonly KeyObject[],
  settings: AgentSettings,
  { renewing, known }: { renewing: Instance | undefined; known: Instance | undefined },
  now: Date,
): Promise<Joined> {
  if (renewing && answer.instance_id !== renewing.id) {
    throw new Failure('untrusted', 'the broker answered a renewal with another instance');
  }
  if (answer.bot === undefined)
    throw new Failure('untrusted', 'the broker answered a bot with something else than a bot');
  const trust = await verifyTrustBundle(answer.trust, {
    pins: settings.caPins,
    known: known?.trust,
    now,
  });
  const [own, ...others] = keys.map((key, position) => {
    const granted = answer.certificates[position];
    if (!granted || answer.certificates.length !== keys.length) {
      throw new Failure('untrusted', 'the broker granted other certificates than were asked for');
    }
    return checkIssued(granted, key, trust, now);
  });
  if (!own) throw new TypeError('a join asks for at least one certificate');
  const instance: Instance = {
    broker: settings.broker,
    joinMethod: settings.joinMethod,
    token: settings.token,
    bot: answer.bot,
    id: answer.instance_id,
    generation: answer.generation,
    key: own.privateKey,
    expires: own.expires,
    trust: {
      root: trust.root,
      version: answer.trust.version,
      cluster: answer.trust.cluster,
      refreshAfter: answer.trust.refresh_after,
    },
  };
  return { instance, trust, certificates: [own, ...others] };
}
