import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { authoritiesOf } from '../../../shared/authority/authorities.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { createKeyStore } from '../../../shared/authority/key-store.ts';
import { openKeyVaultCustody } from '../../../shared/authority/key-vault-custody.ts';
import { foundKeys } from '../../../shared/authority/rotate.ts';
import { ROTATION_POLICY } from '../../../shared/authority/rotation-policy.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import { createFakeKeyVault } from './fake-key-vault.ts';

const NOW = new Date('2026-11-20T12:00:00Z');
const credential = {
  getToken: async () => ({ token: 'token', expiresOnTimestamp: Date.now() + 3600_000 }),
};

function setUp() {
  const vault = createFakeKeyVault();
  vault.createEncryptionKey();
  const custody = openKeyVaultCustody({ url: vault.url, credential, fetch: vault.fetch });
  return { vault, custody };
}

test('all authorities are made with the root in the vault, and opened again from their rows', async () => {
  const { vault, custody } = setUp();
  const store = createKeyStore(createMemoryTable());
  const parts = { store, custody, policy: ROTATION_POLICY, cluster: 'test' };
  await foundKeys(parts, NOW);
  const genuine = await openGenuineKeys(await store.list(), parts);
  const authorities = genuine && authoritiesOf(genuine, ROTATION_POLICY, NOW);
  const root = new X509Certificate(authorities?.roots[0]?.certificate ?? '');
  const issuing = new X509Certificate(authorities?.issuing.certificate ?? '');
  expect(root.verify(root.publicKey)).toBe(true);
  expect(issuing.verify(root.publicKey)).toBe(true);
  expect(root.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'secp384r1' });
  expect(vault.calls).toContain('root/create');
  expect(vault.calls.filter((call) => call === 'root/sign')).toHaveLength(2);
});

test('the data key comes back as it was, from another instance of the custody too', async () => {
  const { vault, custody } = setUp();
  const dataKey = Buffer.alloc(32, 7);
  const wrapped = await custody.wrapDataKey(dataKey, 'about');
  expect(Buffer.from(wrapped).includes(dataKey)).toBe(false);
  const another = openKeyVaultCustody({ url: vault.url, credential, fetch: vault.fetch });
  expect(await another.unwrapDataKey(wrapped, 'about')).toEqual(dataKey);
});

test.each([
  ['a data key that somebody else wrapped with the public half', { wrapped: 'AAAA' }],
  ['a changed signature', { signature: Buffer.alloc(64, 1).toString('base64') }],
  [
    'a wrapping key of another vault',
    { keyId: `https://evil.example/keys/data-key-encryption/${'0'.repeat(32)}` },
  ],
  [
    'a signature key of another name',
    { signerId: `https://test.vault.azure.net/keys/root/${'0'.repeat(32)}` },
  ],
  [
    'a version of the signature key that the vault never had',
    { signerId: `https://test.vault.azure.net/keys/data-key-signature/${'0'.repeat(32)}` },
  ],
  ['a member more', { more: 'x' }],
])('refuses %s', async (_, change) => {
  const { vault, custody } = setUp();
  const stored = JSON.parse(
    Buffer.from(await custody.wrapDataKey(Buffer.alloc(32, 7), 'about')).toString(),
  );
  const before = vault.calls.filter((call) => call.endsWith('unwrapkey')).length;
  const changed = Buffer.from(JSON.stringify({ ...stored, ...change }));
  expect(await custody.unwrapDataKey(changed, 'about')).toBeUndefined();
  expect(vault.calls.filter((call) => call.endsWith('unwrapkey'))).toHaveLength(before);
});

test('refuses to sign with a handle that is no version of the root', async () => {
  const { custody } = setUp();
  const handle = Buffer.from(
    `https://test.vault.azure.net/keys/data-key-signature/${'0'.repeat(32)}`,
  );
  await expect(custody.signWithRoot(handle, Buffer.alloc(1))).rejects.toThrow('expected the id');
});

test('fails where the vault can not be asked, and works again afterwards', async () => {
  const { vault, custody } = setUp();
  const wrapped = await custody.wrapDataKey(Buffer.alloc(32, 7), 'about');
  vault.failWith(403);
  await expect(custody.unwrapDataKey(wrapped, 'about')).rejects.toThrow();
  vault.failWith(undefined);
  expect(await custody.unwrapDataKey(wrapped, 'about')).toHaveLength(32);
});

test('remembers which root was made last, and for which cluster', async () => {
  const { vault, custody } = setUp();
  expect(await custody.rememberedRoot()).toBeUndefined();
  await custody.createRootKey('first.example.org');
  const { publicKey } = await custody.createRootKey('test.example.org');
  const another = openKeyVaultCustody({ url: vault.url, credential, fetch: vault.fetch });
  expect(await another.rememberedRoot()).toEqual({
    cluster: 'test.example.org',
    publicKeyInfo: publicKey.export({ format: 'der', type: 'spki' }),
  });
  vault.failWith(403);
  await expect(another.rememberedRoot()).rejects.toThrow();
});

test.each(['', 'null', '[]', '{}', 'garbage'])('%j is no wrapped data key', async (text) => {
  expect(await setUp().custody.unwrapDataKey(Buffer.from(text), 'about')).toBeUndefined();
});

test('a data key is good only for what it was wrapped with', async () => {
  const { custody } = setUp();
  const wrapped = await custody.wrapDataKey(Buffer.alloc(32, 7), 'data/1 of this cluster');
  expect(await custody.unwrapDataKey(wrapped, 'data/2 of this cluster')).toBeUndefined();
});
