import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type Authority,
  createIssuing,
  createRoot,
  type IssuingBends,
} from '../../../../local/azure/certificates/authority.ts';
import {
  newSerialNumber,
  signCertificate,
} from '../../../../local/azure/certificates/certificate.ts';
import {
  certificateKey,
  keyIdentifier,
  newAuthorityKey,
} from '../../../../local/azure/certificates/certificate-key.ts';
import {
  authority,
  keyUsage,
  subjectKeyIdentifier,
} from '../../../../local/azure/certificates/extensions.ts';
import { createLeaf } from '../../../../local/azure/certificates/leaf.ts';
import { checkNewRoot, trustedRoots } from '../../../../shared/attestation/azure/new-root.ts';
import { encodePem } from '../../../../shared/encoding/pem.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const pinned = createRoot('Pinned', newAuthorityKey(), NOON);
const other = createRoot('Other', newAuthorityKey(), NOON);
const TRUSTED = trustedRoots([pinned.certificate], 'a pinned root');
const pem = ({ certificate }: Pick<Authority, 'certificate'>): string =>
  encodePem('CERTIFICATE', certificate);
const check = (text: string) => checkNewRoot(text, TRUSTED, NOON);
const issuing = (bends: IssuingBends, key = newAuthorityKey()) =>
  pem(createIssuing('Issuing', key, other, NOON, bends));

/** A root with the name of another one, and with this key id. */
function alike(one: Authority, key = newAuthorityKey(), id: Uint8Array | undefined = undefined) {
  const certificate = signCertificate(
    {
      serialNumber: newSerialNumber(),
      issuer: one.name,
      subject: one.name,
      notBefore: new Date('2026-01-01T00:00:00Z'),
      notAfter: new Date('2036-01-01T00:00:00Z'),
      publicKeyInfo: key.publicKeyInfo,
      extensions: [keyUsage('keyCertSign'), authority(), ...(id ? [subjectKeyIdentifier(id)] : [])],
    },
    key,
  );
  return pem({ certificate });
}

test('another root may be added, and an authority below one', () => {
  expect(check(pem(other))).toEqual({ ok: true, same: undefined });
  expect(check(issuing({}))).toEqual({ ok: true, same: undefined });
});

test('the very same as a pinned one is told', () => {
  expect(check(pem(pinned))).toMatchObject({ ok: true, same: { shown: 'a pinned root' } });
});

test('one with the name of another, and a key id of its own, may be added', () => {
  const key = newAuthorityKey();
  expect(check(alike(pinned, key, keyIdentifier(key)))).toMatchObject({ ok: true });
});

test('the same key with another end may be added: whichever is found, the signature is good', () => {
  expect(check(alike(pinned, pinned.key, keyIdentifier(pinned.key)))).toMatchObject({ ok: true });
});

describe('is refused:', () => {
  const COULD = 'expected a root that could sign: ';
  const TAKEN = 'expected another root than one with name and key id of a pinned root';
  test.each<[string, string, string]>([
    ['no certificate', 'rubbish', 'expected one certificate in PEM'],
    ['two at once', pem(other) + pem(other), 'expected one certificate in PEM'],
    [
      'a server',
      pem(createLeaf('eastus', newAuthorityKey(), other, NOON)),
      `${COULD}an issuer is no authority`,
    ],
    [
      'one that is over',
      issuing({ expired: true }),
      `${COULD}an authority is not valid at this time`,
    ],
    [
      'one of next year',
      issuing({ notYetValid: true }),
      `${COULD}an authority is not valid at this time`,
    ],
    [
      'one that may not sign',
      issuing({ noKeyCertSign: true }),
      `${COULD}an authority may not sign certificates`,
    ],
    [
      'one with name constraints',
      issuing({ nameConstraints: true }),
      `${COULD}a certificate has name constraints`,
    ],
    [
      'one with an unknown critical extension',
      issuing({ unknownCriticalExtension: true }),
      `${COULD}a certificate has an unknown critical extension`,
    ],
    [
      'RSA of 1024 bits',
      issuing({}, certificateKey(generateKeyPairSync('rsa', { modulusLength: 1024 }))),
      `${COULD}its key is too weak`,
    ],
    [
      'name and key id of a pinned one with another key',
      alike(pinned, newAuthorityKey(), keyIdentifier(pinned.key)),
      TAKEN,
    ],
    ['the name of a pinned one, and no key id', alike(pinned), TAKEN],
  ])('%s', (_, text, problem) => {
    expect(check(text)).toEqual({ ok: false, problem });
  });
});
