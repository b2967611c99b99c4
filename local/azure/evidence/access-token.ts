/** Access tokens of managed identities, claim by claim as Entra ID issues them for machines. */
import { randomBytes } from 'node:crypto';
import type { ManagedIdentity } from '../identities.ts';
import { asInTokens } from '../resource-ids.ts';
import { signToken, type TokenBends } from './jwt.ts';
import type { SigningKey } from './signing-key.ts';

export interface AccessTokenOptions extends TokenBends {
  /** What the token is for; it becomes `aud` exactly as it stands. */
  readonly resource?: string;
  readonly version?: 1 | 2;
}

export interface TokenSubject {
  readonly identity: ManagedIdentity;
  /** Resource id of the machine, scale set or site that the identity is used from. */
  readonly usedFrom: string;
}

export interface TokenIssuer {
  readonly id: string;
  /** The `iss` of tokens of a version. */
  issuer(version: 1 | 2): string;
  readonly signingKey: SigningKey;
}

const MANAGEMENT_RESOURCE = 'https://management.azure.com/';

/** 24 hours and 5 minutes. */
export const ACCESS_TOKEN_SECONDS = 86_700;

export function createAccessToken(
  subject: TokenSubject,
  tenant: TokenIssuer,
  at: Date,
  options: AccessTokenOptions = {},
): string {
  const claims = claimsOf(subject, tenant, options.issuedAt ?? at, options);
  return signToken(claims, () => tenant.signingKey, options);
}

function claimsOf(
  { identity, usedFrom }: TokenSubject,
  tenant: TokenIssuer,
  at: Date,
  { resource = MANAGEMENT_RESOURCE, version = 1 }: AccessTokenOptions,
): Record<string, unknown> {
  const issuedAt = Math.floor(at.getTime() / 1000);
  const application =
    version === 1
      ? { appid: identity.clientId, appidacr: '2', idp: tenant.issuer(1) }
      : { azp: identity.clientId, azpacr: '2' };
  return {
    aud: resource,
    iss: tenant.issuer(version),
    iat: issuedAt,
    nbf: issuedAt,
    exp: issuedAt + ACCESS_TOKEN_SECONDS,
    aio: opaque(33),
    ...application,
    idtyp: 'app',
    oid: identity.principalId,
    rh: `1.${opaque(24)}.`,
    sub: identity.principalId,
    tid: tenant.id,
    uti: opaque(16),
    ver: version === 1 ? '1.0' : '2.0',
    ...machineClaims(identity, asInTokens(usedFrom)),
  };
}

/** Undocumented: which resource the identity belongs to (`xms_mirid`), and from which it is used (`xms_az_rid`). */
const machineClaims = (identity: ManagedIdentity, usedFrom: string): Record<string, unknown> =>
  identity.kind === 'system'
    ? { xms_ftd: opaque(32), xms_idrel: '7 8', xms_mirid: usedFrom, xms_rd: opaque(32) }
    : {
        xms_az_rid: usedFrom,
        xms_ftd: opaque(32),
        xms_idrel: '7 14',
        xms_mirid: asInTokens(identity.resourceId),
        xms_rd: opaque(32),
      };

/** Claims whose meaning is Microsoft's alone. */
const opaque = (size: number): string => randomBytes(size).toString('base64url');
