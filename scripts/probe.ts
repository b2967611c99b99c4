/**
 * Probes a broker from outside, as the prober does from inside (shared/probing): what must be denied is denied, and its
 * trust bundle is one that relying parties accept. It has no machine and no identity. The broker counts its denials, a
 * handful, like anybody's: only the prober inside can mark its own.
 * Usage: npm run probe -- <address> [<CA pin>]
 */
import { createSecretKey, randomBytes } from 'node:crypto';
import process from 'node:process';
import { AZURE_CLOUDS } from '../shared/attestation/azure/cloud-profile.ts';
import { azureTrustAnchors } from '../shared/attestation/azure/trust-anchors.ts';
import {
  type DenialParts,
  denyLookAlike,
  denyMalformedBodies,
  denyOtherBroker,
  denyOtherNonce,
} from '../shared/probing/denials.ts';
import { Finding, skipped } from '../shared/probing/finding.ts';
import { createLookAlike } from '../shared/probing/look-alike.ts';
import {
  expectAnswered,
  jsonOf,
  type PublicBroker,
  publicBroker,
} from '../shared/probing/public-broker.ts';
import { checkTrustBundle } from '../shared/probing/relying-party.ts';

export interface ProbeOptions {
  /** `https://host`, without a path. */
  readonly url: string;
  /** The root that relying parties know; without one, what the broker itself says is believed. */
  readonly pin?: string | undefined;
  readonly fetch: typeof fetch;
  readonly now: () => Date;
}

/** What each probe found: `undefined` where it passed. */
export type Findings = Readonly<Record<string, Finding | undefined>>;

/** Runs every probe, whatever the others find. */
export async function probeBroker({ url, pin, fetch, now }: ProbeOptions): Promise<Findings> {
  const broker = publicBroker(url, fetch);
  const parts: DenialParts = {
    broker,
    cluster: await clusterOf(broker),
    lookAlike: await createLookAlike(ORIGINAL, now()),
    markKey: { sequence: 0, secret: createSecretKey(randomBytes(32)) },
    joinersToken: async () => {
      throw skipped('there is no machine here');
    },
  };
  const probes: Readonly<Record<string, () => Promise<unknown>>> = {
    readiness: async () => expectAnswered(await broker.get('/readyz'), 'readiness'),
    trust_bundle: async () => {
      const answers = await Promise.all(
        ['/v1/webapi/find', '/v1/trust'].map((path) => broker.get(path)),
      );
      const [found, trust] = answers.map((answer) => {
        expectAnswered(answer, 'discovery and trust bundle');
        return jsonOf(answer);
      });
      const pins = pin === undefined ? (found?.['ca_pins'] as readonly string[]) : [pin];
      const cluster = String(found?.['cluster_name']);
      return checkTrustBundle(trust, { cluster, pins, at: now() });
    },
    look_alike_chain: () => denyLookAlike(parts),
    other_nonce: () => denyOtherNonce(parts),
    other_broker: () => denyOtherBroker(parts),
    malformed_body: () => denyMalformedBodies(parts),
  };
  const findings: Record<string, Finding | undefined> = {};
  for (const [name, probe] of Object.entries(probes)) findings[name] = await findingOf(probe);
  return findings;
}

/** Its cluster name. Without an answer any name will do: then the other probes say that nobody answers. */
async function clusterOf(broker: PublicBroker): Promise<string> {
  try {
    return String(jsonOf(await broker.get('/v1/webapi/find'))['cluster_name']);
  } catch (error) {
    if (error instanceof Finding) return 'unknown';
    throw error;
  }
}

const [root] = azureTrustAnchors();
if (!root) throw new Error('no root is pinned');
const ORIGINAL = { root, domain: String(AZURE_CLOUDS.AzurePublic.attestedDomains[0]) };

async function findingOf(probe: () => Promise<unknown>): Promise<Finding | undefined> {
  try {
    await probe();
    return undefined;
  } catch (error) {
    return error instanceof Finding ? error : new Finding('failed', String(error));
  }
}

if (import.meta.main) {
  const [url = '', pin] = process.argv.slice(2);
  if (!URL.canParse(url) || new URL(url).origin !== url) {
    process.stderr.write('Expected the address of a broker, such as https://join.example.org.\n');
    process.exit(2);
  }
  const findings = Object.entries(await probeBroker({ url, pin, fetch, now: () => new Date() }));
  for (const [name, finding] of findings) {
    const result = finding ? `${finding.result}: ${finding.message}` : 'passed';
    process.stdout.write(`${name.padEnd(18)} ${result}\n`);
  }
  if (findings.some(([, finding]) => finding)) process.exitCode = 1;
}
