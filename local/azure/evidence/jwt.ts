/** Writes signed tokens (RFC 7519) as Entra ID does. Any part can be bent by a named option. */
import { constants, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { encodeBase64Url } from '../../../shared/encoding/base64.ts';
import type { SigningKey } from './signing-key.ts';

/** HS256 is keyed with the public key's PEM, as in the attack of that name. */
type TokenAlgorithm = 'RS256' | 'PS256' | 'ES256' | 'HS256' | 'none';

export interface TokenBends {
  /** The time of `iat` and `nbf`; `exp` follows. */
  readonly issuedAt?: Date;
  /** Claims in place of the right ones; `null` leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Header members in place of the right ones; `null` leaves one out. */
  readonly header?: Readonly<Record<string, unknown>>;
  readonly alg?: TokenAlgorithm;
  /** Whose key signs: another tenant's, or `Cloud.stranger`'s, which no directory publishes. The header names that key. */
  readonly signedBy?: { readonly signingKey: SigningKey };
  /** One bit of the signature is wrong. */
  readonly changedSignature?: boolean;
}

export function signToken(
  claims: Readonly<Record<string, unknown>>,
  tenantsKey: () => SigningKey,
  bends: TokenBends,
): string {
  const key = bends.signedBy?.signingKey ?? tenantsKey();
  const alg = bends.alg ?? 'RS256';
  const header = { typ: 'JWT', alg, x5t: key.kid, kid: key.kid };
  const message = `${encode(override(header, bends.header))}.${encode(override(claims, bends.claims))}`;
  const signature = signatureOf(alg, Buffer.from(message, 'latin1'), key);
  if (bends.changedSignature) signature[0] = (signature[0] ?? 0) ^ 1;
  return `${message}.${encodeBase64Url(signature)}`;
}

function override(
  members: Readonly<Record<string, unknown>>,
  overrides: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const all = Object.entries({ ...members, ...overrides });
  return Object.fromEntries(all.filter(([, value]) => value !== null && value !== undefined));
}

const encode = (value: unknown): string =>
  encodeBase64Url(Buffer.from(JSON.stringify(value), 'utf8'));

function signatureOf(alg: TokenAlgorithm, message: Uint8Array, key: SigningKey): Uint8Array {
  switch (alg) {
    case 'RS256':
      return sign('sha256', message, key.privateKey);
    case 'PS256':
      return sign('sha256', message, {
        key: key.privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      });
    case 'ES256': {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    }
    case 'HS256':
      return createHmac('sha256', key.publicKey.export({ format: 'pem', type: 'spki' }))
        .update(message)
        .digest();
    case 'none':
      return Buffer.alloc(0);
  }
}
