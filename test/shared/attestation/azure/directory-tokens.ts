/** Tokens as the directory signs them, and what the broker checks them by. */
import { sign } from 'node:crypto';
import type { DirectoryTokenChecks } from '../../../../shared/attestation/azure/directory-token.ts';
import { sharedRsaKeys } from '../../../shared-rsa-keys.ts';

const [TENANT, OTHER_TENANT, OID] = [
  '00000000-0000-4000-8000-00000000000a',
  '00000000-0000-4000-8000-00000000000b',
  '00000000-0000-4000-8000-00000000000c',
] as const;

export { OID, OTHER_TENANT, TENANT };

export const NOON = new Date('2026-11-20T12:00:00Z');
const SECONDS = NOON.getTime() / 1000;

const { privateKey, publicKey } = sharedRsaKeys().keyPair('stranger');
export const DIRECTORY_KEY = publicKey;

/** A token of an hour, of this tenant, but for what is changed. */
export const claimsOf = (change: object = {}): object => ({
  tid: TENANT,
  oid: OID,
  iss: `https://d/${TENANT}`,
  aud: 'us',
  nbf: SECONDS,
  iat: SECONDS,
  exp: SECONDS + 3600,
  ...change,
});

export const HEADER = { alg: 'RS256', kid: 'key' };

export const base64url = (text: string | Uint8Array): string =>
  Buffer.from(text).toString('base64url');

/** The token of this payload. */
export function tokenOf(payload: string | Uint8Array, header: unknown = HEADER): string {
  const signed = `${base64url(JSON.stringify(header))}.${base64url(payload)}`;
  return `${signed}.${base64url(sign('sha256', Buffer.from(signed), privateKey))}`;
}

export const CHECKS: DirectoryTokenChecks = {
  keys: { find: async () => publicKey },
  tenants: [TENANT],
  issuers: ['https://d/{tenant}'],
  audiences: ['us'],
  at: NOON,
};
