/** `POST /v1/join`: the body, the answer, and what is signed. */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { formatUuid } from '../encoding/uuid.ts';
import { azureEvidence, iamEvidence, joinSecret } from './evidence.ts';
import { trustBundle } from './trust.ts';
import { clusterName, duration, guid, name, timestamp } from './values.ts';

export const joinMethod = z.enum(['azure', 'iam', 'token']);
export type JoinMethodName = z.infer<typeof joinMethod>;

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

export type SystemRole = z.infer<typeof systemRole>;

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

/** A join token's name; with join method `token` the hash of its secret, which alone says which one it is. */
export const joinTokenReference = z
  .string()
  .check(
    z.regex(
      /^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,62}|sha256:[0-9a-f]{64})$/,
      "expected a join token's name, or sha256: and 64 hex digits",
    ),
  );

/** The JSON text in `request`, over whose bytes every proof is made. */
const joinRequestFields = z.strictObject({
  /** The cluster that it is for: a request for another broker is denied. */
  broker: clusterName,
  /** Of the joiner's own choice, never used twice: no two requests are the same text. */
  id: z
    .string()
    .check(
      z.regex(/^[A-Za-z0-9_-]{16,64}$/, 'expected 16 to 64 letters, digits, dashes or underscores'),
    ),
  token: joinTokenReference,
  join_method: joinMethod,
  role: z._default(systemRole, 'Bot'),
  /** When the joiner wrote it; only join method `token` needs it. */
  time: z.optional(timestamp),
  /** Only for a renewal: the instance, and the generation that this request replaces. */
  instance: z.optional(
    z.strictObject({
      id: guid,
      generation: z.int().check(z.positive()),
      /** Base64 of the DER of the instance key's SubjectPublicKeyInfo; only join method `token` needs it. */
      key: z.optional(z.string().check(z.maxLength(1024))),
    }),
  ),
  certificates: z.array(certificateWish).check(z.minLength(1), z.maxLength(16)),
});

/** A name is public: with join method `token` it would prove nothing. */
export const joinRequest = joinRequestFields.check(
  z.refine(({ join_method, token }) => join_method !== 'token' || token.startsWith('sha256:'), {
    path: ['token'],
    error: "expected sha256: and the secret's hash, as join method token names its join token",
  }),
);
export type JoinRequest = z.infer<typeof joinRequest>;

/** Beside the request, a body has the evidence of its join method and no other. */
export const joinBody = z.strictObject({
  // Text that is no Unicode would not be the bytes that were signed.
  request: z.string().check(
    z.maxLength(61_440),
    z.refine((text) => text.isWellFormed(), 'expected well-formed Unicode'),
  ),
  azure: z.optional(azureEvidence),
  iam: z.optional(iamEvidence),
  secret: z.optional(joinSecret),
  proof: z.optional(z.string().check(z.maxLength(1024))),
});
export type JoinBody = z.infer<typeof joinBody>;

export const grantedCertificate = z.object({
  name,
  /** Roles of a bot's certificate. */
  roles: z.optional(z.array(name)),
  /** Names of a host's certificate. */
  names: z.optional(z.array(z.string())),
  issued: timestamp,
  expires: timestamp,
  tls: z.string(),
  ssh: z.optional(z.string()),
  ssh_absent: z.optional(z.string()),
});
export type GrantedCertificate = z.infer<typeof grantedCertificate>;

export const joinAnswer = z.object({
  request_id: z.string(),
  /** The bot, where one joined. */
  bot: z.optional(name),
  role: z._default(systemRole, 'Bot'),
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

/**
 * The id of the instance that a request makes: a UUID of the digest's second half, so that one request makes one
 * instance. (The first half is the nonce, which the metadata service gets to see.)
 */
export const instanceIdOf = (digest: string): string =>
  formatUuid(Buffer.from(digest.slice(32, 64), 'hex'), 8);

/** The nonce that IMDS must put into the attested document: 32 hex digits, lower case. */
export const imdsNonce = (request: string): string => requestDigest(request).slice(0, 32);
