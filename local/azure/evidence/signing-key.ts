/** A directory's signing key: a tenant's tokens are signed with it, and its public half is published as a JWK. */
import { createHash } from 'node:crypto';
import { encodeBase64, encodeBase64Url } from '../../../shared/encoding/base64.ts';
import { OID } from '../../../shared/encoding/oids.ts';
import { daysFrom } from '../certificates/authority.ts';
import {
  distinguishedName,
  newSerialNumber,
  signCertificate,
} from '../certificates/certificate.ts';
import { certificateKey } from '../certificates/certificate-key.ts';
import { endEntity } from '../certificates/extensions.ts';
import type { KeyPair } from '../certificates/rsa-keys.ts';

export interface SigningKey extends KeyPair {
  /** The key id: the thumbprint of the key's certificate, as Entra ID has it. */
  readonly kid: string;
  /** The public key as the directory publishes it, but for `issuer`. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

export function createSigningKey(pair: KeyPair, at: Date): SigningKey {
  const certificate = selfSigned(pair, at);
  const kid = encodeBase64Url(createHash('sha1').update(certificate).digest());
  const { n, e } = pair.publicKey.export({ format: 'jwk' });
  return {
    ...pair,
    kid,
    jwk: { kty: 'RSA', use: 'sig', kid, x5t: kid, n, e, x5c: [encodeBase64(certificate)] },
  };
}

function selfSigned(pair: KeyPair, at: Date): Uint8Array {
  const key = certificateKey(pair);
  const name = distinguishedName([[OID.commonName, 'accounts.accesscontrol.windows.net']]);
  return signCertificate(
    {
      serialNumber: newSerialNumber(),
      issuer: name,
      subject: name,
      notBefore: daysFrom(at, -30),
      notAfter: daysFrom(at, 1800),
      publicKeyInfo: key.publicKeyInfo,
      extensions: [endEntity()],
    },
    key,
    'sha256',
  );
}
