/**
 * One stream of Envoy's secret discovery service, as "xDS REST and gRPC protocol" of its documentation has it (state of the
 * world): what is sent has a version and a nonce, and each answer to it names that nonce. An answer with another one is about
 * something older, and says nothing. One with an error refuses what was sent: it is sent no more, but what comes next is.
 */
import type { X509Svid } from './messages.ts';
import { type DiscoveryRequest, discoveryResponse, SECRET_TYPE } from './secret-messages.ts';
import { secretsFor, type Wanted } from './secrets.ts';

const MOST_NAMES = 16;
const LONGEST_NAME = 2048;

export interface SecretStream {
  /** What the next response is to be, if the request asks for one. Throws a `SecretRefusal`. */
  onRequest(request: DiscoveryRequest): Buffer | undefined;
  /** What to send, if anything was asked for. Throws a `SecretRefusal` where a name means nothing any more. */
  onPublish(): Buffer | undefined;
}

/** The stream ends with it. */
export class SecretRefusal extends Error {
  override readonly name = 'SecretRefusal';
}

interface Published {
  readonly svid: X509Svid;
  /** Of its content: the same after the agent was started again. */
  readonly version: string;
}

export function createSecretStream(
  latest: () => Published | undefined,
  newNonce: () => string,
  warn: (message: string) => void,
): SecretStream {
  let first: DiscoveryRequest | undefined;
  let wanted: Wanted | undefined;
  let nonce = '';
  let refused: string | undefined;

  const send = (): Buffer | undefined => {
    const published = latest();
    if (!published || wanted === undefined || wanted.length === 0) return undefined;
    const secrets = secretsOf(wanted, published.svid, first?.envoy);
    nonce = newNonce();
    return discoveryResponse(published.version, nonce, secrets);
  };

  return {
    onRequest(request) {
      checkRequest(request);
      if (nonce !== '' && request.nonce !== nonce) return undefined;
      // Whoever says it again and again fills no log.
      if (request.error !== undefined && refused !== nonce) {
        warn(request.error);
        refused = nonce;
      }
      first ??= request;
      const before = wanted;
      wanted = wantedBy(request, before);
      return isSame(before, wanted) ? undefined : send();
    },
    onPublish: send,
  };
}

/** The answer to one question without a stream. Throws a `SecretRefusal`. */
export function secretsOnce(request: DiscoveryRequest, { svid, version }: Published): Buffer {
  checkRequest(request);
  const secrets = secretsOf(wantedBy(request, undefined), svid, request.envoy);
  return discoveryResponse(version, '', secrets);
}

function secretsOf(
  wanted: Wanted,
  svid: X509Svid,
  envoy: DiscoveryRequest['envoy'],
): readonly Buffer[] {
  const found = secretsFor(wanted, svid, envoy);
  if (found.ok) return found.secrets;
  const names = found.unknown.map((name) => JSON.stringify(name)).join(', ');
  throw new SecretRefusal(
    `there is no secret ${names}: expected default, ROOTCA, ALL, ${svid.id} or its trust domain`,
  );
}

/** Nothing named from the start means everything; nothing named any more means nothing. */
const wantedBy = ({ names }: DiscoveryRequest, before: Wanted | undefined): Wanted =>
  names.length === 0 && (before === undefined || before === 'everything')
    ? 'everything'
    : [...new Set(names)];

const isSame = (before: Wanted | undefined, now: Wanted): boolean =>
  before === now ||
  (Array.isArray(before) &&
    Array.isArray(now) &&
    before.length === now.length &&
    now.every((name) => before.includes(name)));

function checkRequest({ names, type }: DiscoveryRequest): void {
  if (type !== '' && type !== SECRET_TYPE)
    throw new SecretRefusal(`expected the type ${SECRET_TYPE}`);
  if (names.length > MOST_NAMES || names.some((name) => name.length > LONGEST_NAME))
    throw new SecretRefusal(
      `expected at most ${MOST_NAMES} names of at most ${LONGEST_NAME} characters`,
    );
}
