/** What names a certificate, or its key: the SHA-256 of its DER. Apart from the schemas, which no join needs. */
import { createHash } from 'node:crypto';
import { decodeSinglePem } from '../encoding/pem.ts';

/** Of one certificate in PEM, in lower-case hex; `undefined` where the text is none. */
export function fingerprintOf(pem: string): string | undefined {
  const der = decodeSinglePem('CERTIFICATE', pem);
  return der && fingerprintOfDer(der);
}

/** Of a certificate's DER, or of its SubjectPublicKeyInfo's. */
export const fingerprintOfDer = (der: Uint8Array): string =>
  createHash('sha256').update(der).digest('hex');
