import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseCertificationRequest } from '../../../shared/encoding/certification-request.ts';
import { certificationRequest } from '../../../shared/encoding/certification-request-encode.ts';
import { DerReader, decodeDer, TAG } from '../../../shared/encoding/der-decode.ts';
import { decodeSinglePem } from '../../../shared/encoding/pem.ts';
import { hasProgram } from '../../programs.ts';
import { textOf } from '../run-program.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
const derOfRequest = () =>
  decodeSinglePem('CERTIFICATE REQUEST', certificationRequest(privateKey)) ?? Buffer.of();

test('a request is signed with its own key', () => {
  const parsed = parseCertificationRequest(derOfRequest());
  expect(Buffer.from(parsed.publicKey.der)).toEqual(spki);
  expect(parsed.verifySignature()).toBe(true);
});

test('a request says nothing but its key: no subject, no attributes', () => {
  const parts = new DerReader(decodeDer(derOfRequest(), TAG.sequence).content);
  const info = Buffer.from(parts.read(TAG.sequence).bytes).toString('hex');
  expect(info).toBe(`3062${'020100'}${'3000'}${spki.toString('hex')}${'a000'}`);
});

test.skipIf(!hasProgram('openssl'))('openssl reads a request, and verifies it', () => {
  const args = ['req', '-in', '@request', '-noout', '-verify', '-subject'];
  const files = { request: certificationRequest(privateKey) };
  expect(textOf('openssl', args, { files })).toBe('subject=\n');
});
