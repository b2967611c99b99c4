/**
 * The roots as a SPIFFE bundle, for relying parties that know SPIFFE and not us
 * (https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Trust_Domain_and_Bundle.md section 4, X509-SVID.md section 6.1).
 */
import { X509Certificate } from 'node:crypto';
import { encodeBase64 } from '../encoding/base64.ts';
import { decodePem } from '../encoding/pem.ts';
import type { SpiffeBundle } from '../protocol/spiffe-bundle.ts';
import type { TrustBundle } from '../protocol/trust.ts';
import { ROTATION_POLICY } from './rotation-policy.ts';

/**
 * Its sequence number is the trust bundle's version, which grows with every change of the roots, and with those of SSH
 * authorities, too: nothing says that it must stay where nothing changed.
 */
export const spiffeBundle = ({
  version,
  tls,
}: Pick<TrustBundle, 'version' | 'tls'>): SpiffeBundle => ({
  keys: (decodePem('CERTIFICATE', tls.roots) ?? []).map((der) => {
    const jwk = new X509Certificate(der).publicKey.export({ format: 'jwk' });
    if (jwk.kty !== 'EC') throw new Error('a root has a key that is not ECDSA');
    // Such a key has all three (RFC 7518 section 6.2.1).
    const { crv, x, y } = jwk as Readonly<Record<'crv' | 'x' | 'y', string>>;
    return { use: 'x509-svid', kty: jwk.kty, crv, x, y, x5c: [encodeBase64(der)] };
  }),
  spiffe_sequence: version,
  spiffe_refresh_hint: ROTATION_POLICY.bundleRefresh,
});
