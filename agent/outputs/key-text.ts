/** The private key of an output, as text. */
import type { IssuedCertificate } from '../issued-certificate.ts';

/** PKCS#8 in PEM, which OpenSSL and all that is built on it read. */
export const pkcs8Pem = ({ privateKey }: Pick<IssuedCertificate, 'privateKey'>): string =>
  privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

/** PKCS#8 in DER, as Java reads it. */
export const pkcs8Der = ({ privateKey }: Pick<IssuedCertificate, 'privateKey'>): Uint8Array =>
  privateKey.export({ format: 'der', type: 'pkcs8' });
