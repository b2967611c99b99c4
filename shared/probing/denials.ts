/**
 * What must be denied, tried from outside like any joiner. The prober is no virtual machine: it has no genuine document,
 * so each attempt is one that the broker must see through at that step or before. Nothing of it is ever written.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type { ProbeKey } from '../authority/authorities.ts';
import { certificationRequest } from '../encoding/certification-request-encode.ts';
import { makeProbeMark, PROBE_HEADER } from '../joining/probe-mark.ts';
import { imdsNonce } from '../protocol/join.ts';
import type { LookAlike } from './look-alike.ts';
import { expectRefused, type PublicAnswer, type PublicBroker } from './public-broker.ts';

export interface DenialParts {
  readonly broker: PublicBroker;
  /** The broker's cluster name. */
  readonly cluster: string;
  readonly lookAlike: LookAlike;
  /** Marks the prober's attempts. */
  readonly markKey: ProbeKey;
  /** A token of the broker's own identity, as every machine that joins has one; why not, where there is none. */
  readonly joinersToken: () => Promise<string>;
}

const DENIED = [403];
const REFUSED = [400, 403, 411, 413, 415];
/** Not the name of a join token: no such one is needed for the checks that come first. */
const TOKEN = 'join-broker-probe';

/** A chain that only looks like Azure's. */
export async function denyLookAlike(parts: DenialParts): Promise<void> {
  const request = makeRequest(parts.cluster);
  for (const what of ['a self-made chain', 'the same request again']) {
    const answer = await join(parts, request, parts.lookAlike.document(imdsNonce(request)));
    expectRefused(answer, what, DENIED);
  }
}

/** A document that was made for another request. */
export async function denyOtherNonce(parts: DenialParts): Promise<void> {
  const request = makeRequest(parts.cluster);
  const other = imdsNonce(makeRequest(parts.cluster));
  const answer = await join(parts, request, parts.lookAlike.document(other));
  expectRefused(answer, 'a document with another nonce', DENIED);
}

/** A request that was made for another broker, which admits the same machines. */
export async function denyOtherBroker(parts: DenialParts): Promise<void> {
  const request = makeRequest(`other.${parts.cluster}`.slice(0, 63));
  const answer = await join(parts, request, parts.lookAlike.document(imdsNonce(request)));
  expectRefused(answer, 'a request for another broker', DENIED);
}

/**
 * The token that any machine joins with, where an operator's is wanted. (A join looks at its token only after a genuine
 * document, which the prober can't have.)
 */
export async function denyOtherAudience({ broker, joinersToken }: DenialParts): Promise<void> {
  const authorization = `Bearer ${await joinersToken()}`;
  const answer = await broker.get('/v1/resources/token', { authorization });
  expectRefused(answer, "a joiner's access token as an operator's", [401, 403]);
}

/** Bodies that are no join. */
export async function denyMalformedBodies(parts: DenialParts): Promise<void> {
  const { broker } = parts;
  const request = makeRequest(parts.cluster);
  const right = bodyOf(parts, request, parts.lookAlike.document(imdsNonce(request)));
  const bodies = {
    'no body': '',
    'a body that is no JSON': '{"request":',
    'a body that is a list': '[]',
    'an unknown field': JSON.stringify({ ...right, admin: true }),
    'no evidence': JSON.stringify({ request }),
    'a request that is no text': JSON.stringify({ ...right, request: {} }),
    'a document that is no DER': JSON.stringify(bodyOf(parts, request, 'AAAA')),
    'a body of 70,000 bytes': JSON.stringify({ ...right, proof: 'A'.repeat(70_000) }),
  };
  for (const [what, body] of Object.entries(bodies)) {
    const answer = await broker.post('/v1/join', body, markOf(parts, request));
    expectRefused(answer, what, REFUSED);
  }
}

function makeRequest(cluster: string): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return JSON.stringify({
    broker: cluster,
    id: randomUUID(),
    token: TOKEN,
    join_method: 'azure',
    certificates: [{ name: 'probe', csr: certificationRequest(privateKey) }],
  });
}

const bodyOf = ({ lookAlike }: DenialParts, request: string, document: string): object => ({
  request,
  azure: {
    attested_data: { encoding: 'pkcs7', signature: document },
    intermediates: lookAlike.intermediates,
    access_token: 'e30.e30.e30',
  },
});

const join = (parts: DenialParts, request: string, document: string): Promise<PublicAnswer> =>
  parts.broker.post(
    '/v1/join',
    JSON.stringify(bodyOf(parts, request, document)),
    markOf(parts, request),
  );

const markOf = ({ markKey }: DenialParts, request: string): Record<string, string> => ({
  [PROBE_HEADER]: makeProbeMark(request, markKey),
});
