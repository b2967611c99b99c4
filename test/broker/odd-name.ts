/** Certificates that our parser takes and OpenSSL does not: a difference that nothing may trip over. */
import { X509Certificate } from 'node:crypto';
import { parseCertificate } from '../../shared/encoding/certificate.ts';

/** The same certificate, whose subject (and issuer, where it is the same) has an integer where names have a set. */
export function withOddName(certificate: Uint8Array): Buffer {
  const { subject } = parseCertificate(certificate);
  const odd = Buffer.from(certificate);
  for (let at = odd.indexOf(subject); at >= 0; at = odd.indexOf(subject, at + 1))
    odd[at + 2] = 0x02;
  parseCertificate(odd);
  if (isRead(odd)) throw new Error('OpenSSL reads it');
  return odd;
}

function isRead(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).raw.length > 0;
  } catch {
    return false;
  }
}
