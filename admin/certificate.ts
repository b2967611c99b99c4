/** Certificates as operators see them: whose, until when, and the fingerprint that its owner publishes. */
import { createHash, X509Certificate } from 'node:crypto';
import { parseCertificate } from '../shared/encoding/certificate.ts';
import { decodeSinglePem, encodePem } from '../shared/encoding/pem.ts';
import { formatTimestamp } from '../shared/protocol/values.ts';

export interface ShownCertificate {
  /** The common name, or the whole subject where it has none. */
  readonly name: string;
  readonly subject: string;
  /** SHA-256 of its DER, in lower-case hex. */
  readonly sha256: string;
  /** SHA-256 of its SubjectPublicKeyInfo: other certificates of the key have the same. */
  readonly keySha256: string;
  readonly begins: string;
  readonly ends: string;
  readonly pem: string;
}

/** Of one certificate in PEM, or DER; `undefined` where it is none that the broker reads, or more than one. */
export function readCertificate(given: string | Uint8Array): ShownCertificate | undefined {
  const text = typeof given === 'string' ? given : Buffer.from(given).toString('latin1');
  const der = text.includes('-----BEGIN ') ? decodeSinglePem('CERTIFICATE', text) : given;
  if (der === undefined || typeof der === 'string') return undefined;
  try {
    const { notBefore, notAfter, publicKeyInfo } = parseCertificate(der);
    const { subject, fingerprint256 } = new X509Certificate(der);
    return {
      name: /^CN=(.*)$/m.exec(subject)?.[1] ?? subject.replaceAll('\n', ', '),
      subject: subject.replaceAll('\n', ', '),
      sha256: fingerprint256.replaceAll(':', '').toLowerCase(),
      keySha256: createHash('sha256').update(publicKeyInfo).digest('hex'),
      begins: formatTimestamp(notBefore),
      ends: formatTimestamp(notAfter),
      pem: encodePem('CERTIFICATE', der),
    };
  } catch {
    return undefined;
  }
}

/** A SHA-256 as tools print it, with colons or without, in the form of the API; `undefined` where it is none. */
export function parseFingerprint(text: string): string | undefined {
  const hex = /^(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/.test(text)
    ? text.replaceAll(':', '')
    : text;
  return /^[0-9A-Fa-f]{64}$/.test(hex) ? hex.toLowerCase() : undefined;
}
