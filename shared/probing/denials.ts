/**
 * What must be denied, tried from outside like any joiner. The prober is no virtual machine: it has no genuine document,
 * so each attempt is one that the broker must see through at that step or before. Nothing of it is ever written.
 */
import { generateKeyPairSync } from 'node:crypto';
import type { ChallengeKey } from '../authority/authorities.ts';
import { certificationRequest } from '../encoding/certification-request-encode.ts';
import { makeProbeMark, PROBE_HEADER } from '../joining/probe-mark.ts';
import { imdsNonce } from '../protocol/join.ts';
import { unreachable } from './finding.ts';
import type { LookAlike } from './look-alike.ts';
import {
  expectAnswered,
  expectRefused,
  jsonOf,
  type PublicAnswer,
  type PublicBroker,
} from './public-broker.ts';

export interface DenialParts {
  readonly broker: PublicBroker;
  readonly lookAlike: LookAlike;
  /** Marks the prober's attempts. */
  readonly markKey: ChallengeKey;
  /** A token of the broker's own identity, as every machine that joins has one; why not, where there is none. */
  readonly joinersToken: () => Promise<string>;
}

const DENIED = [403];
const REFUSED = [400, 403, 411, 413, 415];
/** Not the name of a join token: no such one is needed for the checks that come first. */
const TOKEN = 'join-broker-probe';

/** A chain that only looks like Azure's. */
export async function denyLookAlike(parts: DenialParts): Promise<void> {
  const request = makeRequest(await askChallenge(parts));
  const answer = await join(parts, request, parts.lookAlike.document(imdsNonce(request)));
  expectRefused(answer, 'a self-made chain', DENIED);
}

/** A document that was made for another request. */
export async function denyOtherNonce(parts: DenialParts): Promise<void> {
  const request = makeRequest(await askChallenge(parts));
  const other = imdsNonce(makeRequest('another'));
  const answer = await join(parts, request, parts.lookAlike.document(other));
  expectRefused(answer, 'a document with another nonce', DENIED);
}

/**
 * A challenge that was spent: the same request once more, another request under it, and the challenge for another join
 * token. Without a machine the first use is denied, too; a broker that takes challenges for more than they are would
 * admit one of them.
 */
export async function denyUsedChallenge(parts: DenialParts): Promise<void> {
  const challenge = await askChallenge(parts);
  const first = makeRequest(challenge);
  for (const [request, what] of [
    [first, 'the first use of a challenge, without a machine'],
    [first, 'the same request again'],
    [makeRequest(challenge), 'another request under a used challenge'],
    [makeRequest(challenge, `${TOKEN}-2`), 'a challenge of another join token'],
  ] as const) {
    const answer = await join(parts, request, parts.lookAlike.document(imdsNonce(request)));
    expectRefused(answer, what, DENIED);
  }
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
  const request = makeRequest(await askChallenge(parts));
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

async function askChallenge({ broker }: DenialParts): Promise<string> {
  const asked = JSON.stringify({ token: TOKEN, join_method: 'azure' });
  const answer = await broker.post('/v1/join/challenge', asked);
  expectAnswered(answer, 'a challenge');
  const { challenge } = jsonOf(answer);
  if (typeof challenge !== 'string') throw unreachable('the challenge is no text');
  return challenge;
}

function makeRequest(challenge: string, token = TOKEN): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificates = [{ name: 'probe', csr: certificationRequest(privateKey) }];
  return JSON.stringify({ challenge, token, join_method: 'azure', certificates });
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
