import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { signedFrom } from '../../agent/broker-signature.ts';
import { createIssuing, createRoot } from '../../local/azure/certificates/authority.ts';
import { newAuthorityKey } from '../../local/azure/certificates/certificate-key.ts';
import { START } from './clock.ts';

test('what is signed counts from when its signer is valid, in Unix seconds, however old the root is', () => {
  const old = createRoot('Root', newAuthorityKey(), new Date(0));
  const issuing = createIssuing('Issuing', newAuthorityKey(), old, START);
  const root = new X509Certificate(old.certificate);
  const signer = new X509Certificate(issuing.certificate);
  const begins = new Date(signer.validFrom);
  expect(new Date(signedFrom({ path: [signer], root }) * 1000)).toEqual(begins);
  expect(begins).not.toEqual(new Date(root.validFrom));
});
