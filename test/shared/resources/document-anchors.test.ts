import { expect, test } from 'vitest';
import { createRoot } from '../../../local/azure/certificates/authority.ts';
import { newAuthorityKey } from '../../../local/azure/certificates/certificate-key.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { documentAnchors } from '../../../shared/resources/document-anchors.ts';
import { fingerprintOfDer } from '../../../shared/resources/fingerprint.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const newRoot = () => parseCertificate(createRoot('A', newAuthorityKey(), NOON).certificate);

const denial = (name: string, sha256: string) => ({
  kind: 'azure_denied_signer' as const,
  version: 'v1' as const,
  metadata: { name },
  spec: { sha256 },
});

test('a certificate is hashed once, however often and by whom it is asked for', () => {
  const certificate = newRoot();
  let read = 0;
  const counted = {
    ...certificate,
    get der() {
      read += 1;
      return certificate.der;
    },
    get toBeSigned() {
      read += 1;
      return certificate.toBeSigned;
    },
  };
  const of = (name: string, sha256: string) => documentAnchors([], [denial(name, sha256)], NOON);
  const [right, wrong] = [
    of('right', fingerprintOfDer(certificate.der)),
    of('wrong', 'ab'.repeat(32)),
  ];
  for (let i = 0; i < 10; i += 1) {
    expect(right.deniedBy(counted)).toBe('right');
    expect(wrong.deniedBy(counted)).toBeUndefined();
  }
  expect(read).toBe(2);
});
