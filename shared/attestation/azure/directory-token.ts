/**
 * Tokens that the directory issues: JSON Web Tokens (RFC 7519) in compact form (RFC 7515 section 7.1), signed with
 * RS256 and nothing else (rule 2), since nothing else signs Entra's.
 */
import { isUtf8 } from 'node:buffer';
import { verify } from 'node:crypto';
import * as z from 'zod/mini';
import { decodeBase64Url } from '../../encoding/base64.ts';
import { parseStrictJson, STRANGERS } from '../../protocol/json.ts';
import { parseWith } from '../../protocol/schema.ts';
import { guid } from '../../protocol/values.ts';
import { denied } from '../../refusal.ts';
import { CLOCK_SKEW_SECONDS } from './attested-document.ts';
import type { DirectoryKeys } from './directory-keys.ts';

export interface DirectoryTokenChecks {
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
  readonly payload: Readonly<Record<string, unknown>>;
}

/** A token as it was read: nothing of it is verified. */
export interface UnverifiedToken {
  readonly header: unknown;
  readonly claims: unknown;
  /** The text that is signed: the first two parts and the dot between them. */
  readonly signed: string;
  readonly signature: Uint8Array;
}

const header = z.object({
  alg: z.literal('RS256'),
  kid: z.string().check(z.minLength(1), z.maxLength(256)),
});

/** What must be understood and is unknown to us makes a token unreadable (RFC 7515 section 4.1.11). */
const demanding = z.object({ crit: z.unknown() });

const issuedTo = z.object({ tid: guid, oid: guid, iss: z.string() });

/** Reads a token in its one form: a token that is known is known by its hash. Throws `access_token_malformed`. */
export function readToken(jwt: string): UnverifiedToken {
  const [header, claims, signature, ...rest] = jwt.split('.').map(decodeBase64Url);
  if (!header || !claims || !signature || rest.length > 0)
    throw denied('access_token_malformed', 'the token is not three parts in base64url');
  return {
    header: jsonOf(header),
    claims: jsonOf(claims),
    signed: jwt.slice(0, jwt.lastIndexOf('.')),
    signature,
  };
}

/** Verifies a token that the directory issued: signature, issuer, audience, times. Throws `access_token_…`, or `unavailable`. */
export async function verifyDirectoryToken(
  token: UnverifiedToken,
  { tenants, issuers, keys, audiences, at }: DirectoryTokenChecks,
): Promise<TokenClaims> {
  const { kid } = parseHeader(token);
  // Tenant and issuer before anything is verified: they choose whose keys are asked for, from a list of our own.
  const { tid, oid, iss } = parseIssuedTo(token);
  if (!tenants.includes(tid)) {
    throw denied(
      'access_token_tenant',
      'the token is of a tenant that neither join token nor settings name',
      { claimed_tenant: tid },
    );
  }
  if (!issuers.some((form) => form.replace('{tenant}', tid) === iss))
    throw denied('access_token_issuer', "the token's issuer is not its tenant's directory");
  const key = await keys.find(tid, kid, at);
  if (!key)
    throw denied(
      'access_token_signature',
      'the token is signed with a key that the directory does not list',
    );
  if (!verify('sha256', Buffer.from(token.signed), key, token.signature))
    throw denied('access_token_signature', 'the token has a signature that does not match');
  const payload = token.claims as TokenClaims['payload'];
  checkAudience(payload, audiences);
  checkTimes(payload, at);
  return { tenant: tid, oid, payload };
}

function jsonOf(bytes: Uint8Array): unknown {
  const json = isUtf8(bytes)
    ? parseStrictJson(Buffer.from(bytes).toString('utf8'), STRANGERS)
    : { expected: 'UTF-8' };
  if ('expected' in json)
    throw denied('access_token_malformed', `a part of the token is not ${json.expected}`);
  return json.value;
}

function parseHeader({ header: decoded }: UnverifiedToken): z.infer<typeof header> {
  if (z.safeParse(demanding, decoded).data?.crit !== undefined)
    throw denied('access_token_malformed', "the token's header demands what is not known here");
  const parsed = parseWith(header, decoded);
  if (!parsed.ok)
    throw denied(
      'access_token_algorithm',
      `the token's header is not as Azure writes it (${parsed.problem.field})`,
    );
  return parsed.value;
}

function parseIssuedTo({ claims }: UnverifiedToken): z.infer<typeof issuedTo> {
  const parsed = parseWith(issuedTo, claims);
  if (!parsed.ok)
    throw denied(
      'access_token_malformed',
      `the token's claim ${parsed.problem.field} is not as expected`,
    );
  return parsed.value;
}

/** One audience or a list of them (RFC 7519 section 4.1.3); one of ours must be among them. */
function checkAudience({ aud }: TokenClaims['payload'], audiences: readonly string[]): void {
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (named.some((one) => typeof one === 'string' && audiences.includes(one))) return;
  // The signature was checked before: the directory says whom it made the token for.
  const audience = named.join(', ').slice(0, LONGEST_AUDIENCE);
  const accepted = audiences.map((one) => `\`${one}\``).join(' or ');
  throw denied(
    'access_token_audience',
    `the token is for audience \`${audience}\`, not for ${accepted}`,
    { token_audience: audience },
  );
}

const LONGEST_AUDIENCE = 200;

/** NumericDates (RFC 7519 section 2), all three of which Entra writes into every token. */
function checkTimes({ exp, nbf, iat }: TokenClaims['payload'], at: Date): void {
  const now = Math.floor(at.getTime() / 1000);
  for (const [name, value] of Object.entries({ exp, nbf, iat })) {
    if (!Number.isFinite(value))
      throw denied('access_token_times', `the token's claim ${name} is no time`);
  }
  if (Number(exp) <= now - CLOCK_SKEW_SECONDS)
    throw denied('access_token_times', 'the token has expired');
  if (Number(nbf) > now + CLOCK_SKEW_SECONDS)
    throw denied('access_token_times', 'the token is not valid yet');
}
