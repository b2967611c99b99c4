import { createHash, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { MICROSOFT_OID } from '../../../local/azure/certificates/microsoft-oids.ts';
import type { Certificate } from '../../../shared/encoding/certificate.ts';
import { decodeDer, TAG } from '../../../shared/encoding/der-decode.ts';
import { octetString, oid, time } from '../../../shared/encoding/der-encode.ts';
import { OID } from '../../../shared/encoding/oids.ts';
import { parseSignedData } from '../../../shared/encoding/signed-data.ts';
import {
  attribute,
  encodeSignedData,
  encodeSignerInfo,
  signedAttributesMessage,
} from '../../../shared/encoding/signed-data-encode.ts';
import { hasProgram } from '../../programs.ts';
import { sharedRsaKeys } from '../../shared-rsa-keys.ts';
import { documentBy, NOON, SAID } from '../attestation/azure/attested-documents.ts';
import { runProgram } from '../run-program.ts';

const key = sharedRsaKeys().keyPair('stranger');
const content = Buffer.from(JSON.stringify(SAID));
/** A certificate of the key. */
const signerOf = () => parseSignedData(documentBy(key)).signer;
/** In no order. */
const attributes = () => [
  attribute(
    MICROSOFT_OID.messageDigest,
    octetString(createHash('sha256').update(content).digest()),
  ),
  attribute(MICROSOFT_OID.signingTime, time(NOON)),
  attribute(MICROSOFT_OID.contentType, oid(OID.pkcs7Data)),
];

/** Signed data of one signer, over its content or over these attributes. */
function signedData(signer: Certificate, signedAttributes?: readonly Uint8Array[]): Uint8Array {
  const message = signedAttributes ? signedAttributesMessage(signedAttributes) : content;
  const info = encodeSignerInfo({
    issuer: signer.issuer,
    serialNumber: signer.serialNumber,
    digestAlgorithm: OID.sha256,
    ...(signedAttributes && { signedAttributes }),
    signature: sign('sha256', message, key.privateKey),
  });
  return encodeSignedData({
    digestAlgorithms: [OID.sha256],
    content,
    certificates: [signer.der],
    signers: [info],
  });
}

test('what is written is read back', () => {
  const signer = signerOf();
  const read = parseSignedData(signedData(signer));
  expect(Buffer.from(read.content)).toEqual(content);
  expect(Buffer.from(read.signer.der)).toEqual(Buffer.from(signer.der));
  expect(Buffer.from(read.signature)).toEqual(sign('sha256', content, key.privateKey));
});

test('an attribute is its type and a set of its value', () => {
  const written = Buffer.from(attribute(MICROSOFT_OID.contentType, oid(OID.pkcs7Data)));
  expect(written.toString('hex')).toBe(
    '3018' + '06092a864886f70d010903' + '310b' + '06092a864886f70d010701',
  );
});

test('what is signed of attributes is their set, in the order of DER', () => {
  const message = signedAttributesMessage(attributes());
  const sorted = attributes()
    .map((one) => Buffer.from(one))
    .toSorted(Buffer.compare);
  expect(Buffer.from(decodeDer(message, TAG.set).content)).toEqual(Buffer.concat(sorted));
});

describe.skipIf(!hasProgram('openssl'))('openssl verifies', () => {
  test.each([
    ['the content', () => undefined],
    ['attributes', attributes],
  ])('a signature over %s', (_, signedAttributes) => {
    const der = signedData(signerOf(), signedAttributes());
    const args = ['cms', '-verify', '-noverify', '-binary', '-inform', 'DER', '-in', '@der'];
    expect(runProgram('openssl', args, { files: { der } })).toEqual(content);
  });
});
