/** `POST /v1/join/challenge` and `POST /v1/join`: bodies, answers, and what is signed. */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { trustBundle } from './trust.ts';
import { duration, guid, name, timestamp } from './values.ts';

export const joinMethod = z.enum(['azure']);
export type JoinMethod = z.infer<typeof joinMethod>;

/** What kind of thing joins: a bot, or a service. */
export const systemRole = z.enum([
  'Bot',
  'Node',
  'Proxy',
  'Kube',
  'App',
  'Db',
  'WindowsDesktop',
  'Discovery',
]);

const challengeText = z.string().check(z.regex(/^[A-Za-z0-9_.-]{1,512}$/, 'expected a challenge'));

export const challengeRequest = z.strictObject({
  token: name,
  join_method: joinMethod,
  instance_id: z.optional(guid),
});
export type ChallengeRequest = z.infer<typeof challengeRequest>;

export const challengeAnswer = z.object({ challenge: challengeText, expires: timestamp });
export type ChallengeAnswer = z.infer<typeof challengeAnswer>;

/** One certificate that is asked for. */
export const certificateWish = z.strictObject({
  name,
  type: z.optional(z.enum(['user', 'host'])),
  csr: z.string().check(z.maxLength(8192)),
  ssh_public_key: z.optional(z.string().check(z.maxLength(4096))),
  roles: z.optional(z.array(name).check(z.maxLength(32))),
  ttl: z.optional(duration),
});
export type CertificateWish = z.infer<typeof certificateWish>;

/** The JSON text in `request`, over whose bytes every proof is made. */
export const joinRequest = z.strictObject({
  challenge: challengeText,
  token: name,
  join_method: joinMethod,
  role: z._default(systemRole, 'Bot'),
  certificates: z.array(certificateWish).check(z.minLength(1), z.maxLength(16)),
});
export type JoinRequest = z.infer<typeof joinRequest>;

const base64Text = (most: number) => z.string().check(z.maxLength(most));

/** What an Azure VM proves itself with. */
export const azureEvidence = z.strictObject({
  attested_data: z.strictObject({ encoding: z.literal('pkcs7'), signature: base64Text(16_384) }),
  intermediates: z._default(z.array(base64Text(8192)).check(z.maxLength(6)), []),
  access_token: z.string().check(z.maxLength(16_384)),
  resource_id: z.optional(z.string().check(z.maxLength(1024))),
});
export type AzureEvidence = z.infer<typeof azureEvidence>;

export const joinBody = z.strictObject({
  // Text that is no Unicode would not be the bytes that were signed.
  request: z.string().check(
    z.maxLength(61_440),
    z.refine((text) => text.isWellFormed(), 'expected well-formed Unicode'),
  ),
  azure: azureEvidence,
  proof: z.optional(base64Text(1024)),
});
export type JoinBody = z.infer<typeof joinBody>;

export const grantedCertificate = z.object({
  name,
  roles: z.array(name),
  issued: timestamp,
  expires: timestamp,
  tls: z.string(),
  ssh: z.optional(z.string()),
  ssh_absent: z.optional(z.string()),
});
export type GrantedCertificate = z.infer<typeof grantedCertificate>;

export const joinAnswer = z.object({
  request_id: z.string(),
  bot: name,
  instance_id: guid,
  generation: z.int().check(z.positive()),
  certificates: z.array(grantedCertificate),
  trust: trustBundle,
});
export type JoinAnswer = z.infer<typeof joinAnswer>;

const PROOF_CONTEXT = 'join-broker-v1\n';

/** The bytes that every proof of a join is made over. `request` is the JSON text exactly as it is sent. */
export const proofMessage = (request: string): Uint8Array =>
  Buffer.from(PROOF_CONTEXT + request, 'utf8');

/** The hex SHA-256 of the proof message. */
export const requestDigest = (request: string): string =>
  createHash('sha256').update(PROOF_CONTEXT).update(request).digest('hex');

/** The nonce that IMDS must put into the attested document: 32 hex digits, lower case. */
export const imdsNonce = (request: string): string => requestDigest(request).slice(0, 32);
