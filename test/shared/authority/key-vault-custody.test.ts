import { createPublicKey, type JsonWebKey, verify, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { authoritiesOf } from '../../../shared/authority/authorities.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { createKeyStore } from '../../../shared/authority/key-store.ts';
import { openKeyVaultCustody } from '../../../shared/authority/key-vault-custody.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import { foundKeys } from '../../../shared/authority/rotate.ts';
import { ROTATION_POLICY } from '../../../shared/authority/rotation-policy.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import { createFakeKeyVault, type FakeKeyVault } from './fake-key-vault.ts';

const DATA_KEY = Buffer.alloc(32, 7);
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

async function foundedInVault() {
  const { vault, custody } = setUp();
  const store = createKeyStore(createMemoryTable());
  const parts = { store, custody, policy: ROTATION_POLICY, cluster: 'test' };
  await foundKeys(parts, NOW);
  return { vault, parts };
}

test('all authorities are made with the root in the vault, and opened again from their rows', async () => {
  const { vault, parts } = await foundedInVault();
  const genuine = await openGenuineKeys(await parts.store.list(), parts, NOW);
  const authorities = genuine && authoritiesOf(genuine, ROTATION_POLICY, NOW);
  const root = new X509Certificate(authorities?.roots[0]?.certificate ?? '');
  const issuing = new X509Certificate(authorities?.issuing.certificate ?? '');
  expect(root.verify(root.publicKey)).toBe(true);
  expect(issuing.verify(root.publicKey)).toBe(true);
  expect(root.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'secp384r1' });
  expect(vault.calls).toContain('root/create');
  expect(vault.calls.filter((call) => call === 'root/sign')).toHaveLength(2);
});

describe('in a vault with hardware', () => {
  async function founded(options: { readonly hsm?: boolean }) {
    const vault = createFakeKeyVault(undefined, { premium: true });
    vault.createEncryptionKey();
    const custody = openKeyVaultCustody({
      url: vault.url,
      credential,
      fetch: vault.fetch,
      ...options,
    });
    const store = createKeyStore(createMemoryTable());
    const parts = { store, custody, policy: ROTATION_POLICY, cluster: 'test' };
    await foundKeys(parts, NOW);
    return { vault, parts };
  }
  const kindsOf = ({ kindOf }: FakeKeyVault) => ['root', 'data-key-signature'].map(kindOf);

  test('keys are made in it where that was chosen, and do all that others do', async () => {
    const { vault, parts } = await founded({ hsm: true });
    expect(kindsOf(vault)).toEqual(['EC-HSM', 'EC-HSM']);
    const genuine = await openGenuineKeys(await parts.store.list(), parts, NOW);
    const authorities = genuine && authoritiesOf(genuine, ROTATION_POLICY, NOW);
    const root = new X509Certificate(authorities?.roots[0]?.certificate ?? '');
    expect(root.verify(root.publicKey)).toBe(true);
  });

  test('keys are made in software unless it was', async () => {
    expect(kindsOf((await founded({})).vault)).toEqual(['EC', 'EC']);
  });
});

test('a vault without hardware makes no key where hardware was chosen', async () => {
  const { vault } = setUp();
  const custody = openKeyVaultCustody({
    url: vault.url,
    credential,
    fetch: vault.fetch,
    hsm: true,
  });
  await expect(custody.createRootKey('test')).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('is it a Premium one if keys are to be in hardware?'),
  });
  expect(vault.versions('root')).toBe(0);
});

test('a root says in the vault which cluster it is for', async () => {
  const vault = createFakeKeyVault();
  const bodies: string[] = [];
  const watched: typeof fetch = async (input, init) => {
    bodies.push(await new Request(input as string, init).text());
    return vault.fetch(input, init);
  };
  const custody = openKeyVaultCustody({ url: vault.url, credential, fetch: watched });
  await custody.createRootKey('test.example.org');
  // Roots of earlier releases are found by it.
  const made = bodies.filter((body) => body !== '').map((body) => JSON.parse(body).tags);
  expect(made).toContainEqual({ 'join-broker-cluster': 'test.example.org' });
});

test('the data key comes back as it was, from another instance of the custody too', async () => {
  const { vault, custody } = setUp();
  const dataKey = Buffer.alloc(32, 7);
  const wrapped = await custody.wrapDataKey(dataKey, 'about');
  expect(Buffer.from(wrapped).includes(dataKey)).toBe(false);
  const another = openKeyVaultCustody({ url: vault.url, credential, fetch: vault.fetch });
  expect(await another.unwrapDataKey(wrapped, 'about')).toEqual(dataKey);
});

test('a new data key is wrapped and signed by the newest versions: the old ones may be disabled then', async () => {
  const { vault, parts } = await foundedInVault();
  vault.createEncryptionKey();
  await replaceAuthority(parts, 'data', { leaked: false, numbers: [1] }, NOW);
  const { keys } = await parts.store.list();
  const row = keys.find(({ owner }) => owner === 'data');
  const { keyId } = JSON.parse(Buffer.from(row?.sealed ?? []).toString('utf8'));
  expect([row?.sequence, vault.versions('data-key-encryption')]).toEqual([2, 2]);
  expect(keyId).toBe(vault.newest('data-key-encryption'));
  const genuine = await openGenuineKeys(await parts.store.list(), parts, NOW);
  expect([genuine?.ignored, genuine?.stale]).toEqual([[], []]);
});

test('after a leak the old data key opens nothing, not even alone, once the version that signed it is disabled', async () => {
  const { vault, parts } = await foundedInVault();
  const table = createMemoryTable();
  const before = (await parts.store.list()).keys;
  vault.renewKey('data-key-signature');
  await replaceAuthority(parts, 'data', { leaked: true, numbers: [1] }, NOW);
  vault.disableOlder('data-key-signature');
  expect((await openGenuineKeys(await parts.store.list(), parts, NOW))?.ignored).toEqual([]);
  // All newer rows are gone, and those of before are back.
  const back = { ...parts, store: createKeyStore(table) };
  for (const key of before) await back.store.insert(key);
  await expect(openGenuineKeys(await back.store.list(), back, NOW)).rejects.toThrow('disabled');
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

describe('asks the vault nothing for an id that is none of a version of the key:', () => {
  const version = '0'.repeat(32);
  const wrong: readonly (readonly [string, (name: string) => string])[] = [
    ['of another vault', (name) => `https://evil.example/keys/${name}/${version}`],
    [
      'of a vault whose name goes on',
      (name) => `https://test.vault.azure.net.evil/keys/${name}/${version}`,
    ],
    ['of another key', (name) => `https://test.vault.azure.net/keys/x-${name}/${version}`],
    ['of no key', () => `https://test.vault.azure.net/secrets/x/${version}`],
    ['without a version', (name) => `https://test.vault.azure.net/keys/${name}/`],
    [
      'of a shorter version',
      (name) => `https://test.vault.azure.net/keys/${name}/${version.slice(1)}`,
    ],
    ['of a longer version', (name) => `https://test.vault.azure.net/keys/${name}/${version}0`],
    [
      'with something before its version',
      (name) => `https://test.vault.azure.net/keys/${name}/x${version}`,
    ],
    [
      'of a version in upper case',
      (name) => `https://test.vault.azure.net/keys/${name}/${'A'.repeat(32)}`,
    ],
    ['in upper case', (name) => `HTTPS://test.vault.azure.net/keys/${name}/${version}`],
  ];

  test.each(wrong)('%s', async (_, idOf) => {
    const { vault, custody } = setUp();
    const stored = JSON.parse(Buffer.from(await custody.wrapDataKey(DATA_KEY, 'about')).toString());
    const before = vault.calls.length;
    for (const change of [
      { keyId: idOf('data-key-encryption') },
      { signerId: idOf('data-key-signature') },
    ]) {
      const changed = Buffer.from(JSON.stringify({ ...stored, ...change }));
      expect(await custody.unwrapDataKey(changed, 'about')).toBeUndefined();
    }
    await expect(custody.signWithRoot(Buffer.from(idOf('root')), Buffer.of(1))).rejects.toThrow(
      'expected the id of a version of https://test.vault.azure.net/keys/root',
    );
    expect(vault.calls).toHaveLength(before);
  });
});

/** Data keys that were signed so are in tables. */
test('a data key is signed as what it is, with what wrapped it and what it is about', async () => {
  const { vault, custody } = setUp();
  const { keyId, wrapped, signerId, signature } = JSON.parse(
    Buffer.from(await custody.wrapDataKey(DATA_KEY, 'about')).toString(),
  );
  const answer = await vault.fetch(`${signerId}?api-version=7.6`, {
    headers: { authorization: 'Bearer token' },
  });
  const { key: jwk } = (await answer.json()) as { key: JsonWebKey };
  const key = {
    key: createPublicKey({ key: jwk, format: 'jwk' }),
    dsaEncoding: 'ieee-p1363',
  } as const;
  const text = JSON.stringify(['join-broker data key', keyId, wrapped, 'about']);
  expect(verify('sha256', Buffer.from(text), key, Buffer.from(signature, 'base64'))).toBe(true);
});

test('a data key that is stored in other words is none of ours', async () => {
  const { custody } = setUp();
  const stored = Buffer.from(await custody.wrapDataKey(DATA_KEY, 'about')).toString();
  const { keyId, ...rest } = JSON.parse(stored);
  for (const text of [`${stored} `, JSON.stringify({ ...rest, keyId }), JSON.stringify(rest)])
    expect(await custody.unwrapDataKey(Buffer.from(text), 'about')).toBeUndefined();
  expect(await custody.unwrapDataKey(Buffer.from(stored), 'about')).toEqual(DATA_KEY);
});

test('the root that was made last is found again with what signs by it, and when it was made', async () => {
  const { custody } = setUp();
  const { publicKey, handle } = await custody.createRootKey('test.example.org');
  const { made } = (await custody.rememberedRoot()) ?? {};
  expect(made?.key.handle).toEqual(handle);
  expect(made?.key.publicKey.equals(publicKey)).toBe(true);
  expect(made?.at).toBeInstanceOf(Date);
  const signature = await custody.signWithRoot(made?.key.handle ?? Buffer.of(), DATA_KEY);
  expect(verify('sha384', DATA_KEY, publicKey, signature)).toBe(true);
});

test('a root that somebody made without us is for no cluster', async () => {
  const { vault, custody } = setUp();
  await custody.createRootKey('test.example.org');
  vault.renewKey('root');
  expect(await custody.rememberedRoot()).toMatchObject({ cluster: undefined });
});

test('what is no elliptic curve key is told as that', async () => {
  const vault = createFakeKeyVault();
  vault.createEncryptionKey();
  const swapped: typeof fetch = (input, init) =>
    vault.fetch(String(input).replace('/keys/root/', '/keys/data-key-encryption/'), init);
  const custody = openKeyVaultCustody({ url: vault.url, credential, fetch: swapped });
  await expect(custody.rememberedRoot()).rejects.toThrow(
    'the vault answered without an elliptic curve key',
  );
});

test('refuses to sign with a handle that is no version of the root', async () => {
  const { custody } = setUp();
  const handle = Buffer.from(
    `https://test.vault.azure.net/keys/data-key-signature/${'0'.repeat(32)}`,
  );
  await expect(custody.signWithRoot(handle, Buffer.alloc(1))).rejects.toThrow('expected the id');
});

describe('where the vault', () => {
  const wrapped = async () => {
    const scene = setUp();
    const stored = await scene.custody.wrapDataKey(DATA_KEY, 'about');
    await scene.custody.createRootKey('test.example.org');
    return { ...scene, stored };
  };
  type Scene = Awaited<ReturnType<typeof wrapped>>;

  test.each<[string, (vault: FakeKeyVault) => void, string]>([
    ['does not know the identity', (vault) => vault.failWith(401), 'does not know the broker'],
    ['gave it no right', (vault) => vault.forbid('unwrapkey'), 'has the broker'],
    ['refuses all of it', (vault) => vault.failWith(403), 'has the broker'],
    ['has the signature key deleted', (vault) => vault.deleteKey('data-key-signature'), 'recover'],
    ['has the wrapping key deleted', (vault) => vault.deleteKey('data-key-encryption'), 'recover'],
    ['has the signature key disabled', (vault) => vault.disableKey('data-key-signature'), 'enable'],
    [
      'has it disabled, and shows it all the same',
      (vault) => vault.disableKey('data-key-signature', 'shown'),
      'enable',
    ],
    ['has the wrapping key disabled', (vault) => vault.disableKey('data-key-encryption'), 'enable'],
    ['is broken', (vault) => vault.failWith(500), 'status 500'],
  ])('%s, nothing opens, and nothing is taken for foreign', async (_, hurt, words) => {
    const { vault, custody, stored } = await wrapped();
    hurt(vault);
    await expect(custody.unwrapDataKey(stored, 'about')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(words),
    });
  });

  test('has had its key recovered, everything opens again', async () => {
    const { vault, custody, stored } = await wrapped();
    for (const name of ['data-key-signature', 'data-key-encryption', 'root']) {
      vault.deleteKey(name);
      vault.recoverKey(name);
    }
    expect(await custody.unwrapDataKey(stored, 'about')).toEqual(DATA_KEY);
    expect(await custody.rememberedRoot()).toMatchObject({ cluster: 'test.example.org' });
  });

  test.each([429, 503])(
    'asks for a pause with status %i, it is passed on, and nobody tries again',
    async (status) => {
      const { vault, custody, stored } = await wrapped();
      vault.failWith(status, 17);
      const before = vault.calls.length;
      await expect(custody.unwrapDataKey(stored, 'about')).rejects.toMatchObject({
        code: 'unavailable',
        retryAfter: 17,
      });
      expect(vault.calls.length - before).toBe(1);
      vault.failWith(undefined);
      expect(await custody.unwrapDataKey(stored, 'about')).toEqual(DATA_KEY);
    },
  );

  type Work = readonly [string, string, (scene: Scene) => Promise<unknown>];
  const works: readonly [Work, Work, ...Work[]] = [
    ['unwraps', 'unwrapkey', ({ custody, stored }) => custody.unwrapDataKey(stored, 'about')],
    ['wraps', 'wrapkey', ({ custody }) => custody.wrapDataKey(DATA_KEY, 'about')],
    ['remembers the root', 'root/get', ({ custody }) => custody.rememberedRoot()],
    ['makes a root', 'root/create', ({ custody }) => custody.createRootKey('test.example.org')],
    [
      'signs',
      'root/sign',
      async ({ custody }) =>
        custody.signWithRoot((await custody.createRootKey('x')).handle, Buffer.of(1)),
    ],
  ];

  test.each(works)('%s: a passing trouble is got over, whatever it is', async (_, call, work) => {
    const mishaps = ['drop', 'lose', 'slow', 500, 503, 408] as const;
    const outcomes = mishaps.map(async (mishap) => {
      const scene = await wrapped();
      scene.vault.next(call, mishap);
      await expect(work(scene), String(mishap)).resolves.toBeDefined();
    });
    await Promise.all(outcomes);
  });

  test.each(works)('%s: it is not waited for longer than a deadline', async (_, call, work) => {
    const scene = await wrapped();
    scene.vault.next(call, 'hang');
    const hasty = openKeyVaultCustody({
      url: scene.vault.url,
      credential,
      fetch: scene.vault.fetch,
      timeoutMs: 60,
    });
    await expect(work({ ...scene, custody: hasty })).rejects.toMatchObject({
      code: 'unavailable',
      message: 'the key vault does not answer',
    });
    await expect(work(scene)).resolves.toBeDefined();
  });

  const reads: typeof works = [
    ...works,
    ['finds what wraps', 'data-key-encryption/get', works[1][2]],
    ['finds what signs a data key', 'data-key-signature/get', works[1][2]],
    ['finds what signed a data key', 'data-key-signature/get', works[0][2]],
    [
      'makes what signs a data key',
      'data-key-signature/create',
      ({ vault, custody }) => {
        vault.next('data-key-signature/get', 404);
        return custody.wrapDataKey(DATA_KEY, 'about');
      },
    ],
    [
      'looks whether there is anything that signs a data key',
      'none',
      ({ vault, custody, stored }) => {
        vault.next('data-key-signature/get', 404, 'hang');
        return custody.unwrapDataKey(stored, 'about');
      },
    ],
  ];

  test.each(reads)('%s: what is given up is aborted', async (_, call, work) => {
    const scene = await wrapped();
    scene.vault.next(call, 'hang');
    let asked: AbortSignal | null | undefined;
    const custody = openKeyVaultCustody({
      url: scene.vault.url,
      credential,
      fetch: (input, init) => {
        asked = init?.signal;
        return scene.vault.fetch(input, init);
      },
      timeoutMs: 60,
    });
    await expect(work({ ...scene, custody })).rejects.toThrow('the key vault does not answer');
    expect(asked?.aborted).toBe(true);
  });

  test.each(works)('%s: a trouble that stays is told', async (_, call, work) => {
    const scene = await wrapped();
    scene.vault.next(call, 'drop', 'drop', 'drop', 'drop', 'drop', 'drop');
    await expect(work(scene)).rejects.toMatchObject({
      code: 'unavailable',
      message: 'the key vault does not answer',
    });
  });

  test('has the root deleted, no other one is made under its name', async () => {
    const { vault, custody } = await wrapped();
    vault.deleteKey('root');
    await expect(custody.createRootKey('test.example.org')).rejects.toMatchObject({
      message: 'the key vault has a deleted key of this name: recover it',
    });
    expect(vault.versions('root')).toBe(1);
  });

  test('has the root disabled, nothing is signed', async () => {
    const { vault, custody } = await wrapped();
    const { handle } = await custody.createRootKey('test.example.org');
    vault.disableKey('root', 'shown');
    await expect(custody.signWithRoot(handle, Buffer.of(1))).rejects.toThrow('enable it');
    await expect(custody.rememberedRoot()).rejects.toThrow('enable it');
  });
});

test('nothing but what each key is for is ever asked of it', async () => {
  const { vault } = await foundedInVault();
  expect([...new Set(vault.calls)].toSorted()).toEqual([
    'data-key-encryption/get',
    'data-key-encryption/unwrapkey',
    'data-key-encryption/wrapkey',
    'data-key-signature/create',
    'data-key-signature/get',
    'data-key-signature/sign',
    'root/create',
    'root/get',
    'root/sign',
  ]);
});

test('makes no new signature key where the vault only does not show the one that it has', async () => {
  const { vault, custody } = setUp();
  const wrapped = await custody.wrapDataKey(Buffer.alloc(32, 7), 'about');
  const made = () => vault.calls.filter((call) => call === 'data-key-signature/create').length;
  expect(made()).toBe(1);
  vault.next('data-key-signature/get', 403);
  await expect(custody.wrapDataKey(Buffer.alloc(32, 8), 'about')).rejects.toThrow();
  expect(made()).toBe(1);
  expect(await custody.unwrapDataKey(wrapped, 'about')).toHaveLength(32);
});

test('remembers which root was made last, and for which cluster', async () => {
  const { vault, custody } = setUp();
  expect(await custody.rememberedRoot()).toBeUndefined();
  await custody.createRootKey('first.example.org');
  const { publicKey } = await custody.createRootKey('test.example.org');
  const another = openKeyVaultCustody({ url: vault.url, credential, fetch: vault.fetch });
  expect(await another.rememberedRoot()).toMatchObject({
    cluster: 'test.example.org',
    publicKeyInfo: publicKey.export({ format: 'der', type: 'spki' }),
  });
  vault.failWith(403);
  await expect(another.rememberedRoot()).rejects.toThrow('forbids it');
});

test.each(['', 'null', '[]', '{}', 'garbage'])('%j is no wrapped data key', async (text) => {
  expect(await setUp().custody.unwrapDataKey(Buffer.from(text), 'about')).toBeUndefined();
});

test('a data key is good only for what it was wrapped with', async () => {
  const { custody } = setUp();
  const wrapped = await custody.wrapDataKey(Buffer.alloc(32, 7), 'data/1 of this cluster');
  expect(await custody.unwrapDataKey(wrapped, 'data/2 of this cluster')).toBeUndefined();
});
