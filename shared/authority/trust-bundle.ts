/** The trust bundle: what relying parties install, signed so that a CA pin is enough to believe it. */
import { createHash } from 'node:crypto';
import { encodePem } from '../encoding/pem.ts';
import { sshPublicKeyLine } from '../encoding/ssh-public-key.ts';
import { type TrustBundle, trustPayload } from '../protocol/trust.ts';
import { formatTimestamp } from '../protocol/values.ts';
import type { Authorities } from './authorities.ts';
import { signDetached } from './detached-signature.ts';
import { ROTATION_POLICY } from './rotation-policy.ts';

const EXPIRES_SECONDS = 7 * 24 * 3600;

/** The pin of a root: `sha256:` and the hex SHA-256 of its SubjectPublicKeyInfo. */
export const caPin = (publicKeyInfo: Uint8Array): string =>
  `sha256:${createHash('sha256').update(publicKeyInfo).digest('hex')}`;

/** Makes and signs the bundle. It expires after a week, and no later than the key that signs it. */
export function makeTrustBundle(cluster: string, authorities: Authorities, at: Date): TrustBundle {
  const { issuing, roots, sshUserCas, sshHostCas, version } = authorities;
  const expires = Math.min(at.getTime() + EXPIRES_SECONDS * 1000, issuing.notAfter.getTime());
  const bundle = {
    cluster,
    version,
    expires: formatTimestamp(new Date(expires)),
    refresh_after: formatTimestamp(
      new Date(Math.min(at.getTime() + ROTATION_POLICY.bundleRefresh * 1000, expires)),
    ),
    ca_pins: roots.map(({ publicKeyInfo }) => caPin(publicKeyInfo)),
    tls: { roots: roots.map(({ certificate }) => encodePem('CERTIFICATE', certificate)).join('') },
    ssh: {
      user_ca: sshUserCas.map((key) => sshPublicKeyLine(key)),
      host_ca: sshHostCas.map((key) => sshPublicKeyLine(key)),
    },
  };
  return { ...bundle, signature: signDetached(trustPayload(bundle), issuing) };
}
