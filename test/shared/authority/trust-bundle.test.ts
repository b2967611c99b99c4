import { createHash, X509Certificate } from 'node:crypto';
import { flattenedVerify } from 'jose';
import { expect, test } from 'vitest';
import type { Authorities } from '../../../shared/authority/authorities.ts';
import { caPin, makeTrustBundle } from '../../../shared/authority/trust-bundle.ts';
import { encodeBase64Url } from '../../../shared/encoding/base64.ts';
import { decodePem } from '../../../shared/encoding/pem.ts';
import { parseSshPublicKeyLine } from '../../../shared/encoding/ssh-public-key.ts';
import { parseWith } from '../../../shared/protocol/schema.ts';
import { type TrustBundle, trustBundle, trustPayload } from '../../../shared/protocol/trust.ts';
import { hasProgram } from '../../programs.ts';
import { textOf } from '../run-program.ts';
import { createAuthorities, later, NOON } from './rotation-parts.ts';

const DAY = 24 * 3600;
const authorities = await createAuthorities();
const make = (at = NOON, from: Authorities = authorities) =>
  makeTrustBundle('test.example.org', from, at);

/** Verifies with nothing known but the pin: the chain of the signature's header leads to the root that it names. */
async function verify(bundle: TrustBundle): Promise<void> {
  const [header = '', empty, signature = ''] = bundle.signature.split('.');
  expect(empty).toBe('');
  const { alg, x5c } = JSON.parse(Buffer.from(header, 'base64url').toString());
  expect(alg).toBe('ES256');
  const [issuing, root] = x5c.map((der: string) => new X509Certificate(Buffer.from(der, 'base64')));
  expect(issuing.verify(root.publicKey)).toBe(true);
  expect(bundle.ca_pins).toContain(caPin(root.publicKey.export({ type: 'spki', format: 'der' })));
  const payload = encodeBase64Url(trustPayload(bundle));
  await flattenedVerify({ protected: header, payload, signature }, issuing.publicKey);
}

test('is signed by the issuing key, whose chain leads to a pinned root', async () => {
  const bundle = await make();
  expect(parseWith(trustBundle, bundle).ok).toBe(true);
  await verify(bundle);
});

test.each<[string, Partial<TrustBundle>]>([
  ['version', { version: 2_000_000_000 }],
  ['expiry', { expires: '2036-01-01T00:00:00Z' }],
  ['roots', { tls: { roots: '' } }],
  ['authorities of users', { ssh: { user_ca: [], host_ca: [] } }],
  ['cluster', { cluster: 'other.example.org' }],
])('is not signed any more with another %s', async (_, change) => {
  await expect(verify({ ...(await make()), ...change })).rejects.toThrow(
    'signature verification failed',
  );
});

test('carries every root and SSH authority', async () => {
  const bundle = await make();
  const [root] = authorities.roots;
  expect(decodePem('CERTIFICATE', bundle.tls.roots)).toEqual([
    Buffer.from(root?.certificate ?? []),
  ]);
  expect(bundle.ssh.user_ca.map((line) => parseSshPublicKeyLine(line)?.type)).toEqual(['public']);
  expect(bundle.ssh.host_ca.map((line) => parseSshPublicKeyLine(line)?.type)).toEqual(['public']);
  expect(bundle).toMatchObject({
    cluster: 'test.example.org',
    version: 3 * (NOON.getTime() / 1000),
    ca_pins: [caPin(root?.publicKeyInfo ?? Buffer.of())],
  });
});

test('carries the pins and certificates of several roots one after the other', async () => {
  const roots = [...authorities.roots, ...(await createAuthorities()).roots];
  const bundle = make(NOON, { ...authorities, roots });
  expect(bundle.ca_pins).toEqual(roots.map(({ publicKeyInfo }) => caPin(publicKeyInfo)));
  expect(decodePem('CERTIFICATE', bundle.tls.roots)).toEqual(
    roots.map(({ certificate }) => Buffer.from(certificate)),
  );
});

test('is to be asked for again within the hour, and is over in a week', async () => {
  expect(await make()).toMatchObject({
    refresh_after: '2026-11-20T13:00:00Z',
    expires: '2026-11-27T12:00:00Z',
  });
});

test('never outlives the key that signs it', async () => {
  expect(await make(later(13 * DAY))).toMatchObject({ expires: '2026-12-04T12:00:00Z' });
  expect(await make(later(14 * DAY - 60))).toMatchObject({
    refresh_after: '2026-12-04T12:00:00Z',
    expires: '2026-12-04T12:00:00Z',
  });
});

test("a pin is the SHA-256 of the root's public key", () => {
  const spki = authorities.roots[0]?.publicKeyInfo ?? Buffer.of();
  expect(caPin(spki)).toBe(`sha256:${createHash('sha256').update(spki).digest('hex')}`);
});

test.skipIf(!hasProgram('openssl'))('a pin is what openssl makes of the root', async () => {
  const bundle = await make();
  const script =
    'openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r | cut -c1-64';
  const hex = textOf('bash', ['-c', script], { stdin: bundle.tls.roots }).trimEnd();
  expect(bundle.ca_pins).toEqual([`sha256:${hex}`]);
});
