/**
 * Access tokens of managed identities: whose identity a machine acts as. Claims as Microsoft documents them
 * (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference); `xms_*` are only compared.
 */
import * as z from 'zod/mini';
import { parseWith } from '../../protocol/schema.ts';
import { denied } from '../../refusal.ts';
import {
  type DirectoryTokenChecks,
  type UnverifiedToken,
  verifyDirectoryToken,
} from './directory-token.ts';

/** Claims that name the machine and the identity, where they exist: undocumented, so only ever compared. */
export interface MachineClaims {
  readonly machineClaim: string | undefined;
  readonly identityClaim: string | undefined;
}

/** The managed identity that a machine's token names. */
export interface ManagedIdentity extends MachineClaims {
  readonly tenant: string;
  /** Object id of the identity's service principal. */
  readonly oid: string;
  /** The directory's own id of the token (`uti`): by it a stolen one is found in the directory's sign-in log. */
  readonly tokenId: string | undefined;
}

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
  token: UnverifiedToken,
  checks: DirectoryTokenChecks,
): Promise<ManagedIdentity> {
  const { tenant, oid } = await verifyDirectoryToken(token, checks);
  return { tenant, oid, ...readMachineClaims(token) };
}

/** What a token says beside whose it is, verified or not. */
export function readMachineClaims({
  claims,
}: UnverifiedToken): MachineClaims & Pick<ManagedIdentity, 'tokenId'> {
  const parsed = parseWith(managedIdentityClaims, claims);
  if (!parsed.ok) {
    throw denied(
      'access_token_not_machine',
      `the token is not of a managed identity (${parsed.problem.field})`,
    );
  }
  const { xms_az_rid, xms_mirid, uti } = parsed.value;
  return { machineClaim: xms_az_rid, identityClaim: xms_mirid, tokenId: tokenIdOf(uti) };
}

/** Only told to operators: a token without one is as good. */
const tokenIdOf = (uti: unknown): string | undefined =>
  typeof uti === 'string' && /^[\w-]{1,64}$/.test(uti) ? uti : undefined;
