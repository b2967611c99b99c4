import { execFileSync } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { createKey, proofOf } from '../../agent/joining-keys.ts';
import { parseCertificationRequest } from '../../shared/encoding/certification-request.ts';
import { certificationRequest } from '../../shared/encoding/certification-request-encode.ts';
import { decodeSinglePem } from '../../shared/encoding/pem.ts';
import { verifyingKey } from '../../shared/encoding/public-key-info.ts';
import { hasProgram } from '../programs.ts';

test('a certification request carries the key and is signed by it', async () => {
  const key = await createKey();
  const der = decodeSinglePem('CERTIFICATE REQUEST', certificationRequest(key));
  const request = parseCertificationRequest(der ?? Buffer.of());
  expect(verifyingKey(request.publicKey).equals(createPublicKey(key))).toBe(true);
  expect(request.verifySignature()).toBe(true);
});

test.skipIf(!hasProgram('openssl'))('OpenSSL verifies a certification request', async () => {
  const text = execFileSync('openssl', ['req', '-verify', '-noout', '-text'], {
    input: certificationRequest(await createKey()),
    stdio: 'pipe',
  }).toString();
  expect(text).toContain('NIST CURVE: P-256');
});

test('a proof signs exactly the bytes of the request', async () => {
  const key = await createKey();
  const proof = Buffer.from(proofOf('{"a":1}', key), 'base64');
  const proves = (text: string) => verify('sha256', Buffer.from(text), createPublicKey(key), proof);
  expect(proves('join-broker-v1\n{"a":1}')).toBe(true);
  expect(proves('join-broker-v1\n{"a": 1}')).toBe(false);
});
