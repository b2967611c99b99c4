/**
 * Access tokens of managed identities: whose identity a machine acts as. Claims as Microsoft documents them
 * (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference); `xms_*` are only compared.
 */
import { errors, type JWTPayload, jwtVerify } from 'jose';
import * as z from 'zod/mini';
import { decodeBase64Url } from '../../encoding/base64.ts';
import { parseStrictJson } from '../../protocol/json.ts';
import { parseWith } from '../../protocol/schema.ts';
import { guid } from '../../protocol/values.ts';
import { type DenialReason, denied } from '../../refusal.ts';
import { CLOCK_SKEW_SECONDS } from './attested-document.ts';
import type { DirectoryKeys } from './directory-keys.ts';

export interface AccessTokenChecks {
  readonly keys: DirectoryKeys;
  /** Tenants that settings and join token name: no other one becomes part of an address (rule 6). */
  readonly tenants: readonly string[];
  /** Forms of the issuer, with `{tenant}`. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  readonly at: Date;
}

/** A verified token's signer-backed claims. */
export interface TokenClaims {
  readonly tenant: string;
  /** Object id of the principal. */
  readonly oid: string;
  readonly payload: JWTPayload;
}

/** The members of a token's header and payload, of which nothing is verified yet. */
interface UnverifiedToken {
  readonly header: unknown;
  readonly claims: unknown;
}

/** The managed identity that a machine's token names. */
export interface ManagedIdentity {
  readonly tenant: string;
  /** Object id of the identity's service principal. */
  readonly oid: string;
  /** Claims that name the machine and the identity, where they exist: undocumented, so only ever compared. */
  readonly machineClaim: string | undefined;
  readonly identityClaim: string | undefined;
  /** The directory's own id of the token (`uti`): by it a stolen one is found in the directory's sign-in log. */
  readonly tokenId: string | undefined;
}

const header = z.object({
  alg: z.literal('RS256'),
  kid: z.string().check(z.minLength(1), z.maxLength(256)),
});

const issuedTo = z.object({ tid: guid, oid: guid, iss: z.string() });

const managedIdentityClaims = z.object({
  idtyp: z.optional(z.literal('app')),
  appidacr: z.optional(z.literal('2')),
  azpacr: z.optional(z.literal('2')),
  scp: z.optional(z.never()),
  xms_az_rid: z.optional(z.string().check(z.maxLength(1024))),
  xms_mirid: z.optional(z.string().check(z.maxLength(1024))),
  uti: z.optional(z.unknown()),
});

/** Verifies a machine's token. Throws a `Refusal`: `access_token_…`, or `unavailable` where keys can't be had. */
export async function verifyMachineToken(
  jwt: string,
  checks: AccessTokenChecks,
): Promise<ManagedIdentity> {
  const { tenant, oid, payload } = await verifyDirectoryToken(jwt, checks);
  const claims = parseWith(managedIdentityClaims, payload);
  if (!claims.ok) {
    throw denied(
      'access_token_not_machine',
      `the token is not of a managed identity (${claims.problem.field})`,
    );
  }
  const { xms_az_rid, xms_mirid, uti } = claims.value;
  return {
    tenant,
    oid,
    machineClaim: xms_az_rid,
    identityClaim: xms_mirid,
    tokenId: tokenIdOf(uti),
  };
}

/** Only told to operators: a token without one is as good. */
const tokenIdOf = (uti: unknown): string | undefined =>
  typeof uti === 'string' && /^[\w-]{1,64}$/.test(uti) ? uti : undefined;

/** Verifies a token that the directory issued: signature, issuer, audience, times. */
export async function verifyDirectoryToken(
  jwt: string,
  checks: AccessTokenChecks,
): Promise<TokenClaims> {
  const unverified = decodeToken(jwt);
  const { kid } = parseHeader(unverified);
  const { tid, oid, iss } = parseUnverified(unverified);
  if (!checks.tenants.includes(tid)) {
    throw denied(
      'access_token_tenant',
      'the token is of a tenant that neither join token nor settings name',
    );
  }
  if (!checks.issuers.some((form) => form.replace('{tenant}', tid) === iss)) {
    throw denied('access_token_issuer', "the token's issuer is not its tenant's directory");
  }
  const key = await checks.keys.find(tid, kid, checks.at);
  if (!key)
    throw denied(
      'access_token_signature',
      'the token is signed with a key that the directory does not list',
    );
  try {
    const { payload } = await jwtVerify(jwt, key, {
      algorithms: ['RS256'],
      issuer: iss,
      audience: [...checks.audiences],
      currentDate: checks.at,
      clockTolerance: CLOCK_SKEW_SECONDS,
      requiredClaims: ['exp', 'nbf', 'iat'],
    });
    return { tenant: tid, oid, payload };
  } catch (error) {
    throw refusalOf(error);
  }
}

/** Reads a compact JWS (RFC 7515 section 7.1) in its one form: a token that is known is known by its hash. */
function decodeToken(jwt: string): UnverifiedToken {
  const [header, claims, signature, ...rest] = jwt.split('.').map(decodeBase64Url);
  if (!header || !claims || !signature || rest.length > 0)
    throw denied('access_token_malformed', 'the token is not three parts in base64url');
  return { header: jsonOf(header), claims: jsonOf(claims) };
}

function jsonOf(bytes: Uint8Array): unknown {
  const json = parseStrictJson(Buffer.from(bytes).toString('utf8'));
  if ('expected' in json)
    throw denied('access_token_malformed', `a part of the token is not ${json.expected}`);
  return json.value;
}

function parseHeader({ header: decoded }: UnverifiedToken): z.infer<typeof header> {
  const parsed = parseWith(header, decoded);
  if (!parsed.ok)
    throw denied(
      'access_token_algorithm',
      `the token's header is not as Azure writes it (${parsed.problem.field})`,
    );
  return parsed.value;
}

/** Tenant and issuer before anything is verified: they choose whose keys are asked for, from a list of our own. */
function parseUnverified({ claims }: UnverifiedToken): z.infer<typeof issuedTo> {
  const parsed = parseWith(issuedTo, claims);
  if (!parsed.ok)
    throw denied(
      'access_token_malformed',
      `the token's claim ${parsed.problem.field} is not as expected`,
    );
  return parsed.value;
}

function refusalOf(error: unknown): Error {
  const because = (reason: DenialReason, what: string) => denied(reason, `the token ${what}`);
  if (error instanceof errors.JWTExpired) return because('access_token_times', 'has expired');
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return because('access_token_audience', 'is for another audience');
    if (error.claim === 'iss') return because('access_token_issuer', 'has another issuer');
    return because('access_token_times', `has a claim that does not hold now (${error.claim})`);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return because('access_token_signature', 'has a signature that does not match');
  }
  if (error instanceof errors.JOSEError)
    return because('access_token_malformed', `can not be read (${error.code})`);
  return error instanceof Error ? error : new Error('verifying a token failed', { cause: error });
}
