/**
 * A small broker for the agent's tests: it checks what the agent sends, issues real certificates, and does wrong on
 * request. Which machine may join is not its business.
 */

import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { randomUUID, verify } from 'node:crypto';
import type { Authorities } from '../../shared/authority/authorities.ts';
import { issueSshUserCertificate } from '../../shared/authority/ssh-certificate.ts';
import { issueTlsCertificate, randomSerialNumber } from '../../shared/authority/tls-certificate.ts';
import { caPin, makeTrustBundle } from '../../shared/authority/trust-bundle.ts';
import { parseCertificationRequest } from '../../shared/encoding/certification-request.ts';
import { decodeSinglePem, encodePem } from '../../shared/encoding/pem.ts';
import { verifyingKey } from '../../shared/encoding/public-key-info.ts';
import { parseSignedData } from '../../shared/encoding/signed-data.ts';
import { sshPublicKey } from '../../shared/encoding/ssh-public-key.ts';
import {
  type CertificateWish,
  type GrantedCertificate,
  imdsNonce,
  type JoinAnswer,
  type JoinBody,
  type JoinRequest,
  joinBody,
  joinRequest,
  proofMessage,
} from '../../shared/protocol/join.ts';
import { PROBLEMS, type ProblemCode } from '../../shared/protocol/problem.ts';
import { parseJsonWith } from '../../shared/protocol/schema.ts';
import type { TrustBundle } from '../../shared/protocol/trust.ts';
import { formatTimestamp, parseDuration } from '../../shared/protocol/values.ts';
import { VERSION } from '../../shared/protocol/version.ts';
import { createAuthorities } from './authorities.ts';

export interface FakeBroker {
  fetch(request: Request): Promise<Response>;
  readonly authorities: Authorities;
  readonly pin: string;
  /** Paths and bodies, in order. */
  readonly calls: readonly { readonly path: string; readonly body: string }[];
  /** The bodies that came to `/v1/join`, and what stood in their `request`. */
  readonly joins: readonly { readonly body: JoinBody; readonly request: JoinRequest }[];
  /** Bodies that came to `/v1/heartbeat`, and what each is answered. */
  readonly heartbeats: readonly string[];
  heartbeatAnswer: () => Response;
  /** What happens to the next calls of a path, one each, instead of or after the right answer. */
  readonly next: Record<'/v1/trust' | '/v1/join', Mishap[]>;
  /** Changes answers before they leave. */
  bend: (answer: JoinAnswer) => JoinAnswer;
  /** Changes the trust bundle before it is signed. */
  authoritiesOfTrust: Authorities;
  logins: readonly string[];
  /** Forgets what it was asked and what it answered: a long run asks a lot. */
  forget(): void;
  /** Of access tokens; absent: the broker doesn't say. */
  audiences: readonly string[] | undefined;
}

/** `lost`: carried out, but the answer never arrives. */
export type Mishap = 'lost' | 'right' | ((request: Request) => Response | Promise<Response>);

const CLUSTER = 'test.example.com';

interface FakeInstance {
  readonly id: string;
  readonly generation: number;
  readonly key: KeyObject;
}

export function problemAnswer(code: ProblemCode, headers: Record<string, string> = {}): Response {
  const [status, title] = PROBLEMS[code];
  const body = { type: 'about:blank', title, status, code, request_id: 'request-1' };
  return Response.json(body, { status, headers });
}

export async function createFakeBroker(now: () => Date): Promise<FakeBroker> {
  const authorities = await createAuthorities(now());
  const answered = new Map<string, JoinAnswer>();
  const instances = new Map<string, FakeInstance>();
  const calls: { path: string; body: string }[] = [];
  const heartbeats: string[] = [];
  const joins: { body: JoinBody; request: JoinRequest }[] = [];

  const broker: FakeBroker = {
    authorities,
    authoritiesOfTrust: authorities,
    pin: caPin(authorities.roots[0]?.publicKeyInfo ?? new Uint8Array()),
    calls,
    joins,
    heartbeats,
    heartbeatAnswer: () => new Response(null, { status: 204 }),
    next: { '/v1/trust': [], '/v1/join': [] },
    bend: (answer) => answer,
    logins: ['ubuntu'],
    forget() {
      calls.length = 0;
      joins.length = 0;
      answered.clear();
    },
    audiences: ['https://management.azure.com/'],
    async fetch(request) {
      const { pathname: path } = new URL(request.url);
      const body = await request.clone().text();
      if (path === '/v1/heartbeat') {
        heartbeats.push(body);
        return broker.heartbeatAnswer();
      }
      calls.push({ path, body });
      if (path === '/v1/webapi/ping') return Response.json(discoveryOf(broker));
      if (path !== '/v1/join' && path !== '/v1/trust') return problemAnswer('not_found');
      const mishap = broker.next[path].shift() ?? 'right';
      if (typeof mishap === 'function') return mishap(request);
      const answer =
        path === '/v1/join' ? await join(body) : Response.json(await trustOf(broker, now()));
      if (mishap === 'lost') throw new TypeError('fetch failed');
      return answer;
    },
  };

  async function join(text: string): Promise<Response> {
    const body = parseJsonWith(joinBody, text);
    const request = body.ok ? parseJsonWith(joinRequest, body.value.request) : body;
    if (!body.ok || !request.ok)
      throw new Error(`the agent sent a bad join: ${text.slice(0, 200)}`);
    joins.push({ body: body.value, request: request.value });
    const known = answered.get(body.value.request);
    if (known) return Response.json(known);

    if (request.value.broker !== CLUSTER) return problemAnswer('access_denied');
    if (nonceOf(body.value) !== imdsNonce(body.value.request))
      return problemAnswer('access_denied');
    const { instance: named } = request.value;
    const before = named && instances.get(named.id);
    if (named && !(before?.generation === named.generation && isProved(body.value, before))) {
      return problemAnswer('instance_unknown');
    }
    const keys = request.value.certificates.map(keyOf);
    const [first] = keys;
    if (!first) throw new Error('a join without a certificate passed its schema');
    const instance = {
      id: before?.id ?? randomUUID(),
      generation: (before?.generation ?? 0) + 1,
      key: first,
    };
    instances.set(instance.id, instance);
    const answer: JoinAnswer = {
      request_id: 'request-1',
      bot: 'example',
      role: 'Bot',
      instance_id: instance.id,
      generation: instance.generation,
      certificates: request.value.certificates.map((wish) =>
        grant(wish, authorities, broker.logins, now()),
      ),
      trust: await trustOf(broker, now()),
    };
    const bent = broker.bend(answer);
    answered.set(body.value.request, bent);
    return Response.json(bent);
  }
  return broker;
}

const discoveryOf = ({ pin, audiences }: FakeBroker) => ({
  server_version: VERSION,
  cluster_name: CLUSTER,
  cloud: 'public',
  ca_pins: [pin],
  ...(audiences && { audiences }),
  operators: { tenant: randomUUID(), client_id: randomUUID() },
});

const trustOf = (broker: FakeBroker, at: Date): TrustBundle =>
  makeTrustBundle(CLUSTER, broker.authoritiesOfTrust, at);

function nonceOf(body: JoinBody): unknown {
  const { content } = parseSignedData(
    Buffer.from(body.azure?.attested_data.signature ?? '', 'base64'),
  );
  return JSON.parse(Buffer.from(content).toString()).nonce;
}

const isProved = (body: JoinBody, { key }: FakeInstance): boolean =>
  body.proof !== undefined &&
  verify('sha256', proofMessage(body.request), key, Buffer.from(body.proof, 'base64'));

function keyOf({ csr }: CertificateWish): KeyObject {
  const request = parseCertificationRequest(
    decodeSinglePem('CERTIFICATE REQUEST', csr) ?? new Uint8Array(),
  );
  if (!request.verifySignature()) throw new Error('the agent sent a request that it did not sign');
  return verifyingKey(request.publicKey);
}

/** A certificate as the broker would grant it. */
export function grant(
  wish: CertificateWish,
  authorities: Authorities,
  logins: readonly string[],
  at: Date,
): GrantedCertificate {
  const key = keyOf(wish);
  const seconds = parseDuration(wish.ttl ?? '1h') ?? 0;
  const validity = {
    notBefore: new Date(at.getTime() - 60_000),
    notAfter: new Date(at.getTime() + seconds * 1000),
  };
  const leaf = issueTlsCertificate(
    {
      ...validity,
      serialNumber: randomSerialNumber(),
      commonName: 'example',
      uri: 'spiffe://test.example.com/bot/example/1',
      publicKeyInfo: key.export({ format: 'der', type: 'spki' }),
    },
    authorities.issuing,
  );
  const sshKey = sshPublicKey(key);
  const ssh =
    sshKey && logins.length > 0
      ? issueSshUserCertificate(
          {
            serial: 1n,
            key: sshKey,
            keyId: 'example',
            principals: logins,
            validAfter: validity.notBefore,
            validBefore: validity.notAfter,
          },
          authorities.sshUser,
        )
      : undefined;
  return {
    name: wish.name,
    roles: wish.roles ?? ['access'],
    issued: formatTimestamp(at),
    expires: formatTimestamp(validity.notAfter),
    tls: encodePem('CERTIFICATE', leaf) + authorities.issuing.pem,
    ...(ssh === undefined ? { ssh_absent: 'no role of the bot has a login' } : { ssh }),
  };
}
