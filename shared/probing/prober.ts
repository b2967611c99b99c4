/**
 * The prober: tries regularly what must be denied, reads what relying parties read, and has every authority sign. A
 * bundle of its own. It leaves nothing behind but a metric for each probe and one audit event.
 */
import type { Authorities } from '../authority/authorities.ts';
import { caPin } from '../authority/trust-bundle.ts';
import type { Call } from '../call.ts';
import { Refusal, unavailable } from '../refusal.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import {
  type DenialParts,
  denyLookAlike,
  denyMalformedBodies,
  denyOtherAudience,
  denyOtherBroker,
  denyOtherNonce,
} from './denials.ts';
import { Finding, failed, type ProbeName, type ProbeResult, skipped } from './finding.ts';
import { createLookAlike, type Original } from './look-alike.ts';
import { expectAnswered, jsonOf, type PublicBroker, publicBroker } from './public-broker.ts';
import { checkTrustBundle } from './relying-party.ts';
import { probeSshAuthority, probeTlsAuthority } from './worthless.ts';

/** The broker as it is seen from outside. */
export interface Outside {
  /** Its public address, where it is known. */
  readonly url: string | undefined;
  readonly fetch: typeof fetch;
  /** A token of the broker's own identity, for an audience. */
  readonly accessToken: (audience: string) => Promise<string>;
}

export interface ProberParts {
  readonly cluster: string;
  readonly outside: Outside | undefined;
  readonly original: Original;
  readonly authorities: () => Promise<Authorities>;
  /** The audience of joiners' tokens, where a token for it opens nothing else. */
  readonly joinersAudience: string | undefined;
  readonly telemetry: Telemetry;
  readonly now: () => Date;
}

/** Runs every probe once. */
export type Prober = (call: Call) => Promise<void>;

export function createProber(parts: ProberParts): Prober {
  let pins: readonly string[] = [];
  return async ({ requestId, log }) => {
    const run = prepare(parts, pins);
    const results: string[] = [];
    let outcome: 'passed' | 'failed' = 'passed';
    for (const [name, probe] of Object.entries(PROBES)) {
      const { result, why } = await resultOf(async () => probe(await run));
      parts.telemetry.measure('probes', 1, { probe: name as ProbeName, result });
      results.push(`${name}: ${result}${why === undefined ? '' : ` (${why})`}`);
      if (result === 'failed' || result === 'unreachable') outcome = 'failed';
    }
    parts.telemetry.audit({ event: 'probe', outcome, results }, requestId, log);
    pins = await run.then(
      ({ seenPins }) => seenPins,
      () => pins,
    );
  };
}

/** What the probes of one run share. */
interface Run extends DenialParts {
  readonly cluster: string;
  readonly authorities: Authorities;
  readonly at: Date;
  /** The pins of the trust bundle of the run before; the probe of the trust bundle leaves its own there. */
  seenPins: readonly string[];
}

const PROBES: Readonly<Record<ProbeName, (run: Run) => Promise<void> | void>> = {
  look_alike_chain: denyLookAlike,
  other_nonce: denyOtherNonce,
  other_broker: denyOtherBroker,
  other_audience: denyOtherAudience,
  malformed_body: denyMalformedBodies,
  trust_bundle: probeTrustBundle,
  readiness: async ({ broker }) => expectAnswered(await broker.get('/readyz'), 'readiness'),
  tls_authority: ({ cluster, authorities, at }) => probeTlsAuthority(cluster, authorities, at),
  ssh_user_authority: ({ authorities: { sshUser, sshUserCas }, at }) =>
    probeSshAuthority(sshUser, sshUserCas, at),
  ssh_host_authority: ({ authorities: { sshHost, sshHostCas }, at }) =>
    probeSshAuthority(sshHost, sshHostCas, at),
};

async function prepare(parts: ProberParts, seenPins: readonly string[]): Promise<Run> {
  const { cluster, outside, original, joinersAudience: audience } = parts;
  const { url } = outside ?? {};
  const at = parts.now();
  const authorities = await parts.authorities();
  const [markKey] = authorities.probeKeys;
  if (!markKey) throw unavailable('there is no key for the prober');
  return {
    cluster,
    authorities,
    at,
    seenPins,
    markKey,
    broker: outside && url !== undefined ? publicBroker(url, outside.fetch) : NO_BROKER,
    lookAlike: await createLookAlike(original, at),
    async joinersToken() {
      if (!outside || url === undefined) return notConfigured();
      if (audience === undefined)
        throw skipped("joiners' tokens are for the management API: too good to be sent around");
      try {
        return await outside.accessToken(audience);
      } catch (error) {
        throw skipped(`the broker's own identity gets no token for ${audience}: ${error}`);
      }
    },
  };
}

const notConfigured = async (): Promise<never> => {
  throw skipped('JOIN_BROKER_PUBLIC_URL is not set');
};
const NO_BROKER: PublicBroker = { get: notConfigured, post: notConfigured };

/** A relying party that pinned a root at the last run still knows one. */
async function probeTrustBundle(run: Run): Promise<void> {
  const { broker, cluster, authorities, at, seenPins } = run;
  const answer = await broker.get('/v1/trust');
  expectAnswered(answer, 'the trust bundle');
  const pins = authorities.roots.map(({ publicKeyInfo }) => caPin(publicKeyInfo));
  const bundle = await checkTrustBundle(jsonOf(answer), { cluster, pins, at });
  run.seenPins = bundle.ca_pins;
  if (seenPins.length > 0 && !seenPins.some((pin) => bundle.ca_pins.includes(pin)))
    throw failed(`no pin of the last run is left: ${seenPins.join(', ')}`);
}

async function resultOf(
  probe: () => Promise<void>,
): Promise<{ result: ProbeResult; why?: string }> {
  try {
    await probe();
    return { result: 'passed' };
  } catch (error) {
    if (error instanceof Finding) return { result: error.result, why: error.message };
    if (error instanceof Refusal) return { result: 'unreachable', why: error.message };
    return { result: 'failed', why: String(error) };
  }
}
