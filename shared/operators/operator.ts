/** Operators' access: Entra ID tokens for the operators' application, and the app roles that they carry. */
import * as z from 'zod/mini';
import type { DirectoryKeys } from '../attestation/azure/directory-keys.ts';
import { readToken, verifyDirectoryToken } from '../attestation/azure/directory-token.ts';
import { parseWith } from '../protocol/schema.ts';
import { Refusal } from '../refusal.ts';

export interface OperatorChecks {
  readonly keys: DirectoryKeys;
  readonly issuers: readonly string[];
  readonly tenant: string;
  /** Client id of the operators' application. */
  readonly clientId: string;
  readonly at: Date;
}

/**
 * What an app role allows. Both administrators may read; who manages join tokens can't touch keys, and can't say what
 * vouches for machines. Each of them may stop what a signer vouches for.
 */
export type OperatorRight = 'read' | 'write' | 'authorities' | 'distrust';

export interface Operator {
  /** Object id of the user or service principal. */
  readonly oid: string;
  /** App roles of the operators' application, known ones or not. */
  readonly roles: readonly string[];
  /** As the directory names the account, or the client id of an application: for people to read, nothing is decided by it. */
  readonly name?: string;
}

const RIGHTS: Readonly<Record<OperatorRight, readonly string[]>> = {
  read: ['JoinBroker.Admin', 'JoinBroker.Reader', 'JoinBroker.AuthorityAdmin'],
  write: ['JoinBroker.Admin'],
  authorities: ['JoinBroker.AuthorityAdmin'],
  distrust: ['JoinBroker.Admin', 'JoinBroker.AuthorityAdmin'],
};

/** What a write of a resource takes. What isn't listed is for who may write. */
export const rightFor = (kind: string): OperatorRight =>
  kind === 'azure_root' ? 'authorities' : kind === 'azure_denied_signer' ? 'distrust' : 'write';

const MOST_TOKEN = 16_384;
const appRoles = z.object({ roles: z.optional(z.array(z.string())) });

/** An access token names the application that asked for it (`azp`, or `appid` in version 1); an ID token has none. */
const accessTokenOnly = z
  .object({
    azp: z.optional(z.string()),
    appid: z.optional(z.string()),
    nonce: z.optional(z.never()),
    at_hash: z.optional(z.never()),
  })
  .check(z.refine(({ azp, appid }) => azp !== undefined || appid !== undefined));

/** Checks an `Authorization` header. Throws `unauthenticated`, or `unavailable`. */
export async function identifyOperator(
  header: string | null,
  checks: OperatorChecks,
): Promise<Operator> {
  const jwt = /^Bearer ([A-Za-z0-9_.-]+)$/i.exec(header ?? '')?.[1];
  if (!jwt || jwt.length > MOST_TOKEN)
    throw new Refusal('unauthenticated', 'expected Authorization: Bearer and a token');
  const { oid, payload } = await verify(jwt, checks);
  if (!z.safeParse(accessTokenOnly, payload).success) {
    throw new Refusal('unauthenticated', 'expected an access token, not an ID token');
  }
  const claims = parseWith(appRoles, payload);
  const name = nameIn(payload);
  return {
    oid,
    roles: claims.ok ? (claims.value.roles ?? []) : [],
    ...(name !== undefined && { name }),
  };
}

/** Version 2 of the token, version 1, an application of either. */
function nameIn(payload: Readonly<Record<string, unknown>>): string | undefined {
  const name = ['preferred_username', 'upn', 'azp', 'appid']
    .map((claim) => payload[claim])
    .find((value) => typeof value === 'string');
  return name?.replace(/[^\p{L}\p{N}\p{P}\p{S}]/gu, '?').slice(0, MOST_NAME);
}

const MOST_NAME = 128;

/** Throws `forbidden` unless an app role of the operator gives this right. */
export function checkRight({ roles }: Operator, right: OperatorRight): void {
  if (!RIGHTS[right].some((role) => roles.includes(role)))
    throw new Refusal('forbidden', `expected app role ${RIGHTS[right].join(' or ')}`);
}

async function verify(jwt: string, { tenant, clientId, ...checks }: OperatorChecks) {
  try {
    return await verifyDirectoryToken(readToken(jwt), {
      ...checks,
      tenants: [tenant],
      audiences: [clientId, `api://${clientId}`],
    });
  } catch (error) {
    if (error instanceof Refusal && error.code === 'access_denied')
      throw new Refusal('unauthenticated', error.message);
    throw error;
  }
}
