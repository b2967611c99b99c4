/**
 * Heartbeats: what agents say of themselves. A caller proves first, without anything being read, that it holds a certificate of
 * this broker; then that it is the instance's own key. What is said stays a claim.
 */
import { verify } from 'node:crypto';
import type { Authorities, ListedIssuer } from '../authority/authorities.ts';
import { keyIdentifier } from '../authority/x509.ts';
import { decodeBase64 } from '../encoding/base64.ts';
import { type Certificate, parseCertificate, sameBytes } from '../encoding/certificate.ts';
import { DerError } from '../encoding/der-decode.ts';
import { OID } from '../encoding/oids.ts';
import { parsePublicKeyInfo, verifyingKey } from '../encoding/public-key-info.ts';
import { onceForEach } from '../first-use.ts';
import {
  type Heartbeat,
  type HeartbeatBody,
  type HeartbeatRecord,
  heartbeatMessage,
  heartbeat as heartbeatSchema,
} from '../protocol/heartbeat.ts';
import { STRANGERS } from '../protocol/json.ts';
import { parseJsonWith } from '../protocol/schema.ts';
import { formatTimestamp, parseTimestamp } from '../protocol/values.ts';
import { badInput, Refusal } from '../refusal.ts';
import type { Heartbeats } from '../storage/heartbeats.ts';
import type { Instances } from '../storage/instances.ts';
import { networkOf } from './caller.ts';
import { isSignedWith } from './instance-proof.ts';
import { createRateLimit } from './rate-limit.ts';

export interface HeartbeatParts {
  readonly cluster: string;
  readonly authorities: () => Promise<Authorities>;
  readonly instances: Pick<Instances, 'read'>;
  readonly heartbeats: Pick<Heartbeats, 'put'>;
  /** How many from one address may come to nothing in a minute; 0: no limit. */
  readonly failuresPerAddress: number;
  readonly now: () => Date;
}

/** An agent's clock may be off as far as a join's evidence allows. */
const SKEW_SECONDS = 300;
/** A renewal has one, and an operator may ask for some more. */
const PER_MINUTE = 10;

/** `read` gives the body, or throws the refusal of one that can't be read; `client` is the sender's address. */
export type HeartbeatTaker = (
  read: () => HeartbeatBody,
  client: string | undefined,
) => Promise<void>;

/** Gives what takes a heartbeat. Throws a `Refusal`: `bad_request`, `instance_unknown`, `throttled`, `unavailable`. */
export function createHeartbeatTaker(parts: HeartbeatParts): HeartbeatTaker {
  const limit = createRateLimit({ of: 'heartbeats of this instance', perMinute: PER_MINUTE });
  const failures = createRateLimit({
    of: 'heartbeats from this address failed',
    perMinute: parts.failuresPerAddress,
  });
  return async (read, client) => {
    const takeBack =
      client === undefined ? () => {} : failures.take(networkOf(client), parts.now());
    await take(read());
    takeBack();
  };

  async function take(body: HeartbeatBody): Promise<void> {
    const now = parts.now();
    const said = parseHeartbeat(body.heartbeat, now);
    const certificate = await ownCertificate(body, parts, now);
    const subject = subjectOf(certificate, parts.cluster);
    if (subject?.id !== said.instance.id) throw unknown();
    if (!isProof(body, certificate.publicKeyInfo)) throw unknown();
    limit.take(said.instance.id, now);

    const stored = await parts.instances.read(subject.owner, subject.id);
    if (!stored || 'removed' in stored) throw unknown();
    const { generation, instanceKey, goneAfter } = stored.instance;
    // Certificates of the same instance are in the hands of others, too: of whoever reads an output.
    if (!sameBytes(instanceKey, certificate.publicKeyInfo)) throw unknown();
    if (generation !== said.instance.generation) throw unknown();
    await parts.heartbeats.put(subject.owner, subject.id, recordOf(said, now), goneAfter);
  }
}

function parseHeartbeat(text: string, now: Date): Heartbeat {
  const parsed = parseJsonWith(heartbeatSchema, text, STRANGERS);
  if (!parsed.ok) {
    const { field, message } = parsed.problem;
    throw badInput({ field: field === '' ? 'heartbeat' : `heartbeat.${field}`, message });
  }
  const time = parseTimestamp(parsed.value.time) ?? new Date(0);
  if (Math.abs(time.getTime() - now.getTime()) > SKEW_SECONDS * 1000) {
    const message = `expected a time at most ${SKEW_SECONDS} s from ${formatTimestamp(now)}`;
    throw badInput({ field: 'heartbeat.time', message });
  }
  return parsed.value;
}

/**
 * The first certificate, if it is one of ours that is good now: signed by an issuing key that we have, whose certificate is
 * the second one. So no chain has to be verified, and for a stranger one signature is checked at most.
 */
async function ownCertificate(
  { certificates: [leafText, issuingText] }: HeartbeatBody,
  { authorities }: HeartbeatParts,
  now: Date,
): Promise<Certificate> {
  const leaf = certificateIn(leafText, 'certificates[0]');
  const issuing = decoded(issuingText, 'certificates[1]');
  const { issuers } = await authorities();
  const issuer = issuers.find((one) => sameBytes(one.certificate, issuing));
  const holds =
    issuer !== undefined &&
    leaf.notBefore <= now &&
    now < leaf.notAfter &&
    leaf.extensions.basicConstraints?.ca === false &&
    isIssued(leaf, issuer);
  if (!holds) throw unknown();
  return leaf;
}

/** Nothing that a stranger sends is read by OpenSSL here: it throws for what our own parser takes. */
function isIssued(leaf: Certificate, issuer: ListedIssuer): boolean {
  const { key, identifier } = verifierOf(issuer);
  const named = leaf.extensions.authorityKeyIdentifier;
  return (
    sameBytes(leaf.issuer, issuer.subject) &&
    named !== undefined &&
    sameBytes(named, identifier) &&
    leaf.signatureAlgorithm === OID.ecdsaWithSHA256 &&
    verify('sha256', leaf.toBeSigned, key, leaf.signature)
  );
}

/** The authorities are the same objects until they change. */
const verifierOf = onceForEach(({ publicKeyInfo }: ListedIssuer) => ({
  key: verifyingKey(parsePublicKeyInfo(publicKeyInfo)),
  identifier: keyIdentifier(publicKeyInfo),
}));

function decoded(text: string, field: string): Uint8Array {
  const bytes = decodeBase64(text);
  if (!bytes) throw badInput({ field, message: 'expected base64' });
  return bytes;
}

function certificateIn(text: string, field: string): Certificate {
  const der = decoded(text, field);
  try {
    return parseCertificate(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw badInput({ field, message: 'expected an X.509 certificate' });
  }
}

/** Whose certificate it is: what this broker writes into the URI of every leaf. */
function subjectOf(
  { extensions: { uris } }: Certificate,
  cluster: string,
): { readonly owner: string; readonly id: string } | undefined {
  const [uri = '', ...more] = uris;
  const prefix = `spiffe://${cluster}/`;
  const [kind, name, id, ...rest] = uri.slice(prefix.length).split('/');
  if (!uri.startsWith(prefix) || more.length > 0 || rest.length > 0) return undefined;
  if ((kind !== 'bot' && kind !== 'host') || !name || !id) return undefined;
  return { owner: `${kind}:${name}`, id };
}

function isProof({ heartbeat, proof }: HeartbeatBody, publicKeyInfo: Uint8Array): boolean {
  return isSignedWith(publicKeyInfo, heartbeatMessage(heartbeat), decoded(proof, 'proof'));
}

const recordOf = (
  { instance, version, host, os, uptime_seconds, outputs }: Heartbeat,
  now: Date,
): HeartbeatRecord => ({
  received: formatTimestamp(now),
  generation: instance.generation,
  version,
  host,
  os,
  uptime_seconds,
  outputs,
});

/** One answer for all: who knows no key of an instance learns nothing about it. */
const unknown = (): Refusal =>
  new Refusal('instance_unknown', 'the heartbeat is not proved by an instance of this broker');
