/**
 * Whoever has the data key and can write to the table, but may not sign with the vault's keys: code that somebody got to run in the
 * app that machines reach.
 */
import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { authoritiesOf } from '../../../shared/authority/authorities.ts';
import { type GenuineKeys, openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { createKeyStore } from '../../../shared/authority/key-store.ts';
import { openKeyVaultCustody } from '../../../shared/authority/key-vault-custody.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import { foundKeys, type RotationParts, rotateKeys } from '../../../shared/authority/rotate.ts';
import { ROTATION_POLICY } from '../../../shared/authority/rotation-policy.ts';
import { sealKey } from '../../../shared/authority/sealing.ts';
import type { KeyDescription, OpenedKey } from '../../../shared/authority/signing-key.ts';
import {
  issueIssuingCertificate,
  issueRootCertificate,
} from '../../../shared/authority/tls-certificate.ts';
import { publicKeyInfo } from '../../../shared/authority/x509.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import { createFakeKeyVault } from './fake-key-vault.ts';
import { later, NOON } from './rotation-parts.ts';

const CLUSTER = 'test.example.org';
const YEAR = 365 * 24 * 3600;
const VALIDITY = { notBefore: later(-60), notAfter: later(YEAR) };
const credential = {
  getToken: async () => ({ token: 'token', expiresOnTimestamp: Date.now() + 3_600_000 }),
};

const curve = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
const signing = (privateKey: KeyObject) => async (message: Uint8Array) =>
  sign('sha384', message, privateKey);
const pkcs8 = (key: KeyObject): Uint8Array => key.export({ format: 'der', type: 'pkcs8' });

type Scene = Awaited<ReturnType<typeof scene>>;

async function scene() {
  const vault = createFakeKeyVault();
  vault.createEncryptionKey();
  const custody = openKeyVaultCustody({ url: vault.url, credential, fetch: vault.fetch });
  const store = createKeyStore(createMemoryTable());
  const parts: RotationParts = { store, custody, policy: ROTATION_POLICY, cluster: CLUSTER };
  await foundKeys(parts, NOON);
  const genuine = await open(parts);
  const [root] = genuine.keys.filter(({ purpose }) => purpose === 'root');
  if (!root) throw new Error('there is no root');
  return { vault, parts, genuine, root };
}

async function open(parts: RotationParts, at = NOON): Promise<GenuineKeys> {
  const genuine = await openGenuineKeys(await parts.store.list(), parts, at);
  if (!genuine) throw new Error('no data key opens');
  return genuine;
}

interface Planted {
  readonly publicKey: Uint8Array;
  readonly certificate: Uint8Array;
  readonly secret: Uint8Array;
}

/** A root of the thief's own, sealed as ours are. */
async function plantedRoot(more: (own: Planted) => Partial<Planted>) {
  const own = curve('secp384r1');
  const certificate = await issueRootCertificate(
    `${CLUSTER} root 9`,
    CLUSTER,
    own.publicKey,
    VALIDITY,
    signing(own.privateKey),
  );
  const planted = {
    publicKey: publicKeyInfo(own.publicKey),
    certificate,
    secret: pkcs8(own.privateKey),
  };
  return { ...planted, ...more(planted), privateKey: own.privateKey };
}

async function plant(
  { parts, genuine }: { parts: RotationParts; genuine: GenuineKeys },
  described: Partial<KeyDescription>,
  { publicKey, certificate, secret }: Planted,
): Promise<void> {
  const [like] = genuine.keys.filter(
    ({ owner, purpose }) => owner === described.owner && purpose === described.purpose,
  );
  if (!like) throw new Error('no such key');
  const { sealed: _, secret: __, ...row } = like;
  await parts.store.insert(
    sealKey(genuine.dataKey, { ...row, sequence: 9, ...described, publicKey, certificate }, secret),
    undefined,
  );
}

const named = (keys: readonly OpenedKey[]): string[] =>
  keys.map(({ owner, sequence }) => `${owner}/${sequence}`).toSorted();

const ROOTS: readonly [string, (own: Planted, root: OpenedKey) => Partial<Planted>][] = [
  ['of his own', () => ({})],
  [
    'of his own, with a version that the vault never had',
    (_, { secret }) => ({
      secret: Buffer.from(
        Buffer.from(secret).toString('utf8').replace(/.$/, 'f').replace(/.{8}$/, '00000000'),
      ),
    }),
  ],
  ['of his own, with the version of ours', (_, { secret }) => ({ secret })],
  [
    'with our key and version, and a certificate of his own',
    (_, { secret, publicKey }) => ({ secret, publicKey }),
  ],
  [
    'with our version, and our certificate for his key',
    (_, { secret, certificate }) => ({ secret, certificate }),
  ],
  [
    'with rubbish for a certificate',
    (_, { secret, publicKey }) => ({ secret, publicKey, certificate: Buffer.from('rubbish') }),
  ],
  ['with rubbish for a key', () => ({ publicKey: Buffer.from('rubbish') })],
];

describe('a root', () => {
  test.each(ROOTS)('%s is in no bundle, and is named', async (_, bend) => {
    const { parts, genuine, root } = await scene();
    await plant(
      { parts, genuine },
      { owner: 'tls', purpose: 'root' },
      await plantedRoot((own) => bend(own, root)),
    );
    const after = await open(parts);
    expect(after.ignored).toEqual(['tls/9']);
    expect(named(after.keys)).toEqual(named(genuine.keys));
    const { roots } = authoritiesOf(after, ROTATION_POLICY, NOON) ?? {};
    expect(roots?.map(({ publicKeyInfo: key }) => key)).toEqual([root.publicKey]);
  });

  test('puts an end to none of ours', async () => {
    const { parts, genuine } = await scene();
    const planted = await plantedRoot(() => ({}));
    const ended = [{ sequence: 1, at: NOON.getTime() / 1000 }];
    await plant({ parts, genuine }, { owner: 'tls', purpose: 'root', ended }, planted);
    expect((await open(parts)).ended).toEqual([]);
  });

  test('signs for no issuing key, and none is made under it', async () => {
    const { parts, genuine, root } = await scene();
    const planted = await plantedRoot(() => ({ secret: root.secret }));
    await plant({ parts, genuine }, { owner: 'tls', purpose: 'root' }, planted);
    const issuing = curve('prime256v1');
    const certificate = await issueIssuingCertificate(
      `${CLUSTER} issuing 10`,
      issuing.publicKey,
      VALIDITY,
      { subject: parseCertificate(planted.certificate).subject, publicKeyInfo: planted.publicKey },
      signing(planted.privateKey),
    );
    await plant(
      { parts, genuine },
      { owner: 'tls', purpose: 'issuing', sequence: 10 },
      {
        publicKey: publicKeyInfo(issuing.publicKey),
        certificate,
        secret: pkcs8(issuing.privateKey),
      },
    );
    expect(named((await open(parts)).orphans)).toEqual(['tls/10']);

    await replaceAuthority(parts, 'data', { leaked: true, numbers: [1] }, later(60));
    const at = later(120);
    const { issuing: anew } = authoritiesOf(await open(parts, at), ROTATION_POLICY, at) ?? {};
    const chain = [anew?.certificate, anew?.root].map((der) => new X509Certificate(der ?? ''));
    expect(Buffer.from(anew?.root ?? [])).toEqual(Buffer.from(root.certificate));
    expect(chain[1] && chain[0]?.verify(chain[1].publicKey)).toBe(true);
  });
});

test('an SSH authority of his own is given up with all others by the answer to the leak', async () => {
  const { parts, genuine } = await scene();
  const own = generateKeyPairSync('ed25519');
  const publicKey = publicKeyInfo(own.publicKey);
  await plant(
    { parts, genuine },
    { owner: 'ssh-user', purpose: 'sign' },
    {
      publicKey,
      certificate: new Uint8Array(),
      secret: pkcs8(own.privateKey),
    },
  );
  expect(named((await open(parts)).keys)).toContain('ssh-user/9');
  await replaceAuthority(parts, 'data', { leaked: true, numbers: [1] }, later(60));
  const after = await open(parts, later(120));
  expect(after.keys.filter(({ owner }) => owner === 'ssh-user')).toMatchObject([{ sequence: 10 }]);
});

/** What he may seal and write beside roots: as a row of its own, or in the place of one of ours. */
const ROWS: readonly [string, (scene: Scene) => Promise<Partial<OpenedKey> | undefined>][] = [
  [
    'an issuing key that says our root has ended',
    async () => {
      const { publicKey, certificate, secret } = await plantedRoot(() => ({}));
      const ended = [{ sequence: 1, at: 1 }];
      return { owner: 'tls', purpose: 'issuing', ended, publicKey, certificate, secret };
    },
  ],
  [
    'an issuing key with rubbish for a certificate',
    async () => ({ owner: 'tls', purpose: 'issuing', certificate: Buffer.from('rubbish') }),
  ],
  [
    'an SSH authority that ends a key which is none',
    async () => sshAuthority({ ended: [{ sequence: 1, at: 1, publicKey: 'AAAA' }] }),
  ],
  [
    'an SSH authority that ends a certificate without a number',
    async () =>
      sshAuthority({ ended: [{ sequence: 1, at: 1, certificate: { serial: 'x', root: 1 } }] }),
  ],
  ['an SSH authority without a key', async () => sshAuthority({ publicKey: new Uint8Array() })],
  [
    'an SSH authority whose secret is another',
    async () => sshAuthority({ secret: Buffer.from('rubbish') }),
  ],
  [
    'a key of the prober without a secret',
    async () => ({ owner: 'probe', purpose: 'authenticate', secret: new Uint8Array() }),
  ],
];

const sshAuthority = (more: Partial<OpenedKey>): Partial<OpenedKey> => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    owner: 'ssh-user',
    purpose: 'sign',
    publicKey: publicKeyInfo(publicKey),
    secret: pkcs8(privateKey),
    ...more,
  };
};

describe('a row of his own', () => {
  test.each(ROWS)('%s stands in the way of nothing', async (_, of) => {
    const own = await scene();
    const { parts, genuine } = own;
    const row = (await of(own)) ?? {};
    const like = genuine.keys.find((key) => key.owner === row.owner && key.purpose === row.purpose);
    if (!like) throw new Error('no such key');
    await plant(own, row, { ...like, ...row });
    const before = named(genuine.keys);

    expect(named((await open(parts)).keys)).toEqual(before);
    expect((await rotateKeys(parts, later(30))).done).toEqual([]);
    expect(authoritiesOf(await open(parts, later(30)), ROTATION_POLICY, later(30))).toBeDefined();

    await replaceAuthority(parts, 'data', { leaked: true, numbers: [1] }, later(60));
    const after = authoritiesOf(await open(parts, later(120)), ROTATION_POLICY, later(120));
    expect(after?.roots.map(({ publicKeyInfo: key }) => key)).toEqual([own.root.publicKey]);
  });

  test('that ends newer ones ends nothing', async () => {
    const own = await scene();
    const numbers = Array.from({ length: 40 }, (_, i) => ({ sequence: 10 + i, at: 1 }));
    const row = sshAuthority({ ended: numbers });
    const [like] = own.genuine.keys.filter(({ owner }) => owner === 'ssh-user');
    if (like) await plant(own, row, { ...like, ...row });
    await replaceAuthority(own.parts, 'data', { leaked: true, numbers: [1] }, later(60));
    const { keys } = await open(own.parts, later(120));
    expect(keys.filter(({ owner }) => owner === 'ssh-user')).toMatchObject([{ sequence: 10 }]);
  });
});

describe('a row of ours that he wrote anew', () => {
  /** In its place, as the data key seals it. */
  async function rewrite({ parts, genuine }: Scene, key: OpenedKey, more: Partial<OpenedKey>) {
    const { sealed: _, secret, ...row } = { ...key, ...more };
    await parts.store.remove(key.owner, key.sequence);
    await parts.store.insert(sealKey(genuine.dataKey, row, secret));
  }

  test('as the root before it, ends no root that signs', async () => {
    const own = await scene();
    await replaceAuthority(own.parts, 'tls', { leaked: true, numbers: [1] }, later(60));
    const genuine = await open(own.parts, later(120));
    const newest = genuine.keys.find(({ purpose }) => purpose === 'root');
    const ended = [{ sequence: newest?.sequence ?? 0, at: 1 }];
    await rewrite({ ...own, genuine }, own.root, { ended });
    expect(named((await open(own.parts, later(180))).keys)).toEqual(named(genuine.keys));
  });

  test('with rubbish for what its predecessor certified, is named, and its key comes back with a backup', async () => {
    const own = await scene();
    await rewrite(own, own.root, { cross: { by: 7, certificate: Buffer.from('rubbish') } });
    const report = await rotateKeys(own.parts, later(60));
    expect(report).toMatchObject({ done: [], ignored: ['tls/1'], lost: [{ purpose: 'root' }] });
    await expect(
      replaceAuthority(own.parts, 'data', { leaked: true, numbers: [1] }, later(60)),
    ).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('have to be restored first: tls (root)'),
    });
    await rewrite(own, own.root, {});
    expect(named((await open(own.parts)).keys)).toEqual(named(own.genuine.keys));
  });
});

describe('the vault is asked whose root it is', () => {
  test('and where it can not say, nothing is believed and nothing is lost', async () => {
    const { vault, parts } = await scene();
    vault.next('root/get', 503, 503, 503);
    await expect(open(parts)).rejects.toMatchObject({ code: 'unavailable' });
    expect(named((await open(parts)).keys)).toContain('tls/1');
  });

  test('and a deleted key is no reason to call ours a stranger: it is to be recovered', async () => {
    const { vault, parts } = await scene();
    vault.deleteKey('root');
    await expect(open(parts)).rejects.toThrow(
      'the key vault has no key root: if it was deleted, recover it',
    );
    vault.recoverKey('root');
    expect(named((await open(parts)).keys)).toContain('tls/1');
  });

  test('but not about one that ours put an end to, whoever brings its row back', async () => {
    const { vault, parts } = await scene();
    const [row] = (await parts.store.list()).keys.filter(({ purpose }) => purpose === 'root');
    await replaceAuthority(parts, 'tls', { leaked: true, numbers: [1] }, later(60));
    vault.disableOlder('root');
    if (row) await parts.store.insert(row, undefined);
    const { keys, ended } = await open(parts, later(120));
    expect(keys.filter(({ purpose }) => purpose === 'root')).toHaveLength(1);
    expect(named(ended)).toEqual(['tls/1']);
  });
});
