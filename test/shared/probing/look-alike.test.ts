import { expect, test } from 'vitest';
import { createCloud } from '../../../local/azure/cloud.ts';
import { verifyAttestedDocument } from '../../../shared/attestation/azure/attested-document.ts';
import { decodeBase64 } from '../../../shared/encoding/base64.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { createLookAlike } from '../../../shared/probing/look-alike.ts';
import { NOON } from '../../broker/test-broker.ts';

const NONCE = '0123456789abcdef0123456789abcdef';
const DOMAIN = 'metadata.azure.com';

async function lookAlike() {
  const [root = new Uint8Array()] = createCloud({ now: () => NOON }).roots;
  const { document, intermediates } = await createLookAlike({ root, domain: DOMAIN }, NOON);
  const ders = intermediates.map((text) => decodeBase64(text) ?? new Uint8Array());
  const check = (pinned: Uint8Array) =>
    verifyAttestedDocument(decodeBase64(document(NONCE)) ?? new Uint8Array(), {
      roots: [pinned],
      intermediates: ders,
      domains: [DOMAIN],
      nonce: NONCE,
      at: NOON,
    });
  return { root, own: ders.at(-1) ?? new Uint8Array(), check };
}

test('nothing is wrong with a look-alike but its root', async () => {
  const { own, check } = await lookAlike();
  expect(check(own).nonce).toBe(NONCE);
});

test('under the genuine root it is denied for its chain, although the names are the same', async () => {
  const { root, own, check } = await lookAlike();
  expect(parseCertificate(own).subject).toEqual(parseCertificate(root).subject);
  expect(() => check(root)).toThrow("the document's signer is not trusted");
});
