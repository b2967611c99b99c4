import { createPrivateKey, createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Custody } from '../../../shared/authority/custody.ts';
import {
  describeDataKey,
  type GenuineKeys,
  hashOf,
  openGenuineKeys,
} from '../../../shared/authority/genuine-keys.ts';
import { deriveLogKey, openLogKeys, sealLogKeys } from '../../../shared/authority/log-key.ts';
import { makeDataKey, makeKey } from '../../../shared/authority/make-key.ts';
import type { RotationParts } from '../../../shared/authority/rotate.ts';
import type { DueCreation, KeyKind } from '../../../shared/authority/rotation.ts';
import { openKey } from '../../../shared/authority/sealing.ts';
import type {
  EndedKey,
  KeyOwner,
  KeyPurpose,
  OpenedKey,
} from '../../../shared/authority/signing-key.ts';
import { commonName, listName, publicKeyInfo } from '../../../shared/authority/x509.ts';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { createRotatedParts, NOON } from './rotation-parts.ts';

const noon = NOON.getTime() / 1000;
const DAY = 86_400;
const CLUSTER = 'test.example.org';

let parts: RotationParts;
let genuine: GenuineKeys;
beforeAll(async () => {
  parts = await createRotatedParts();
  const opened = await openGenuineKeys(await parts.store.list(), parts, NOON);
  if (!opened) throw new Error('no data key opens');
  genuine = opened;
});

function due(name: string, sequence: number, more: Partial<DueCreation> = {}): DueCreation {
  const [owner, purpose] = name.split('/') as [KeyOwner, KeyPurpose];
  const times = { created: noon + 10, starts: noon + 20, expires: noon + DAY };
  return { kind: 'create', owner, purpose, sequence, ...times, ...more };
}
const key = ({ owner, purpose }: KeyKind): OpenedKey => {
  const found = genuine.keys.find((one) => one.owner === owner && one.purpose === purpose);
  if (!found) throw new Error('no such key');
  return found;
};
const ROOT = { owner: 'tls', purpose: 'root' } as const;
const ISSUING = { owner: 'tls', purpose: 'issuing' } as const;
const SSH = { owner: 'ssh-user', purpose: 'sign' } as const;

/** A key that was made, and its private part. */
async function make(creation: DueCreation, more: Partial<RotationParts> = {}, keys = genuine.keys) {
  const made = await makeKey(creation, { ...genuine, keys }, { ...parts, ...more });
  return { made, secret: openKey(genuine.dataKey, made) };
}
const spkiOf = (pkcs8: Uint8Array): Uint8Array =>
  publicKeyInfo(
    createPublicKey(createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })),
  );

describe('a data key', () => {
  const creation = (more: Partial<DueCreation> = {}) => due('data/encrypt', 2, more);
  const unwrap = async (row: Awaited<ReturnType<typeof makeDataKey>>) => {
    const dataKey = await parts.custody.unwrapDataKey(row.sealed, describeDataKey(row, CLUSTER));
    if (!dataKey) throw new Error('it does not open');
    return dataKey;
  };

  test('is 32 random bytes that custody wrapped for its row and cluster', async () => {
    const row = await makeDataKey(creation(), undefined, parts);
    const { kind: _, ...description } = creation();
    const empty = { publicKey: new Uint8Array(), certificate: new Uint8Array() };
    expect(row).toEqual({ ...description, ...empty, sealed: row.sealed });
    expect(await unwrap(row)).toHaveLength(32);
    expect(await unwrap(row)).not.toEqual(
      await unwrap(await makeDataKey(creation(), undefined, parts)),
    );
  });

  test('that takes over from none says so, whatever was there', async () => {
    expect(await makeDataKey(creation(), genuine, parts)).not.toHaveProperty('takenOver');
    const takesOver = { from: 1, until: noon, leaked: false };
    expect(await makeDataKey(creation({ takesOver }), undefined, parts)).not.toHaveProperty(
      'takenOver',
    );
  });

  test.each([
    [false, DAY],
    [true, 3600],
  ])(
    'that takes over (leaked: %s) names the one before, and keeps its keys of the join log',
    async (leaked, lag) => {
      const older = { ...deriveLogKey(Buffer.alloc(32, 9)), until: NOON };
      const dataRow = {
        ...genuine.dataRow,
        takenOver: { from: 7, row: '', until: 0, logKeys: sealLogKeys(genuine.dataKey, [older]) },
      };
      const takesOver = { from: 1, until: noon + 99, leaked };
      const row = await makeDataKey(creation({ takesOver }), { ...genuine, dataRow }, parts);
      expect(row.takenOver).toMatchObject({ from: 1, row: hashOf(dataRow), until: noon + 99 });
      const logKeys = openLogKeys(await unwrap(row), row.takenOver?.logKeys ?? Buffer.of());
      const before = deriveLogKey(genuine.dataKey).id;
      expect(logKeys.map(({ id, until }) => [id, until.getTime() / 1000])).toEqual([
        [before, noon + 10 + lag + 300],
        [older.id, noon],
      ]);
    },
  );

  test('that takes over from the first keeps the key of the join log of that one alone', async () => {
    const takesOver = { from: 1, until: noon, leaked: false };
    const row = await makeDataKey(creation({ takesOver }), genuine, parts);
    const logKeys = openLogKeys(await unwrap(row), row.takenOver?.logKeys ?? Buffer.of());
    expect(logKeys.map(({ id }) => id)).toEqual([deriveLogKey(genuine.dataKey).id]);
  });

  test('is not sealed under another one', async () => {
    await expect(make(creation())).rejects.toThrow('not sealed under another one');
  });
});

test('a key of the prober is 32 random bytes, and says when it was made and counts', async () => {
  const creation = due('probe/authenticate', 2);
  const { made, secret } = await make(creation);
  const { kind: _, ...description } = creation;
  expect(made).toEqual({
    ...description,
    publicKey: new Uint8Array(),
    certificate: new Uint8Array(),
    sealed: made.sealed,
  });
  expect(secret).toHaveLength(32);
});

test.each([
  [undefined, 'ed25519'],
  ['ed25519', 'ed25519'],
  ['ecdsa-p256', 'ec'],
] as const)('an SSH authority of the kind %s is %s', async (sshKey, type) => {
  const { made, secret } = await make(due('ssh-user/sign', 2), sshKey ? { sshKey } : {});
  expect(made.certificate).toEqual(new Uint8Array());
  expect(Buffer.from(made.publicKey)).toEqual(Buffer.from(spkiOf(secret)));
  const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey({
    key: Buffer.from(secret),
    format: 'der',
    type: 'pkcs8',
  });
  expect(asymmetricKeyType).toBe(type);
  expect(asymmetricKeyDetails?.namedCurve).toBe(type === 'ec' ? 'prime256v1' : undefined);
});

describe('an issuing key', () => {
  test('is certified by the root that signs, from a minute before', async () => {
    const crlAddress = 'http://lists.example.org';
    const { made, secret } = await make(due('tls/issuing', 3), { crlAddress });
    const root = parseCertificate(key(ROOT).certificate);
    const certificate = parseCertificate(made.certificate);
    expect(Buffer.from(certificate.subject)).toEqual(
      Buffer.from(commonName(`${CLUSTER} issuing 3`)),
    );
    expect(Buffer.from(certificate.issuer)).toEqual(Buffer.from(root.subject));
    expect(certificate.notBefore).toEqual(new Date((noon + 10 - 60) * 1000));
    expect(certificate.notAfter).toEqual(new Date((noon + DAY) * 1000));
    expect(Buffer.from(made.publicKey)).toEqual(Buffer.from(spkiOf(secret)));
    const address = `${crlAddress}/${listName(key(ROOT).publicKey)}.crl`;
    expect(Buffer.from(made.certificate).includes(address)).toBe(true);
    const { made: plain } = await make(due('tls/issuing', 3));
    expect(Buffer.from(plain.certificate).includes('.crl')).toBe(false);
  });

  test('is none without a root', async () => {
    const keys = genuine.keys.filter(({ purpose }) => purpose !== 'root');
    await expect(make(due('tls/issuing', 3), {}, keys)).rejects.toThrow('needs a root');
  });
});

describe('a root', () => {
  test('signs its own certificate, from a minute before', async () => {
    const { made, secret } = await make(due('tls/root', 3));
    const certificate = parseCertificate(made.certificate);
    const name = Buffer.from(commonName(`${CLUSTER} root 3`));
    expect([Buffer.from(certificate.subject), Buffer.from(certificate.issuer)]).toEqual([
      name,
      name,
    ]);
    expect(certificate.notBefore).toEqual(new Date((noon + 10 - 60) * 1000));
    expect(certificate.notAfter).toEqual(new Date((noon + DAY) * 1000));
    expect(Buffer.from(made.publicKey)).toEqual(Buffer.from(spkiOf(secret)));
    expect(made).not.toHaveProperty('cross');
  });

  test.each([
    ["its successor's end", DAY, DAY],
    ['its own', 20 * 365 * DAY, 10 * 365 * DAY],
  ])('certifies its successor until %s', async (_, expires, ends) => {
    const creation = due('tls/root', 3, { crossedBy: 1, expires: noon + expires });
    const { made } = await make(creation, { crlAddress: 'http://lists.example.org' });
    expect(made.cross?.by).toBe(1);
    const cross = parseCertificate(made.cross?.certificate ?? Buffer.of());
    const own = parseCertificate(made.certificate);
    expect(Buffer.from(cross.subject)).toEqual(Buffer.from(own.subject));
    expect(Buffer.from(cross.issuer)).toEqual(
      Buffer.from(parseCertificate(key(ROOT).certificate).subject),
    );
    expect(cross.notBefore).toEqual(own.notBefore);
    expect(cross.notAfter).toEqual(new Date((noon + ends) * 1000));
    expect(cross.extensions.basicConstraints?.pathLength).toBe(1);
    const list = `${listName(key(ROOT).publicKey)}.crl`;
    expect(Buffer.from(made.cross?.certificate ?? []).includes(list)).toBe(true);
  });

  test('is certified by none that is not there, or is no root, or has no room', async () => {
    for (const crossedBy of [2, 7])
      expect((await make(due('tls/root', 3, { crossedBy }))).made).not.toHaveProperty('cross');
    // An issuing certificate stands for a root without room for a successor.
    const { certificate } = key(ISSUING);
    const keys = genuine.keys.map((one) => (one === key(ROOT) ? { ...one, certificate } : one));
    const creation = due('tls/root', 3, { crossedBy: 1 });
    expect((await make(creation, {}, keys)).made).not.toHaveProperty('cross');
  });

  describe('that is the first', () => {
    /** Whether it is the key that custody remembers, of this cluster and time, and whether custody was asked. */
    const made = async (sequence: number, cluster: string | undefined, at: number | undefined) => {
      const own = await parts.custody.createRootKey(CLUSTER);
      let isAsked = false;
      const custody: Custody = {
        ...parts.custody,
        rememberedRoot: async () => {
          isAsked = true;
          const kept = at !== undefined && { made: { at: new Date(at * 1000), key: own } };
          return { cluster, publicKeyInfo: publicKeyInfo(own.publicKey), ...kept };
        },
      };
      const { made: row } = await make(due('tls/root', sequence), { custody });
      const isTaken = Buffer.from(row.publicKey).equals(publicKeyInfo(own.publicKey));
      return { isTaken, isAsked };
    };

    test.each<[string, boolean, number, string | undefined, number | undefined]>([
      ['made a minute before its data key, by a clock that is behind', true, 1, CLUSTER, noon - 60],
      ['made after it', true, 1, CLUSTER, noon + 60],
      ['made before it', false, 1, CLUSTER, noon - 60.001],
      ['made for another cluster', false, 1, 'other', noon],
      ['made for none', false, 1, undefined, noon],
      ['that can not be found again', false, 1, CLUSTER, undefined],
    ])("takes custody's key, %s: %s", async (_, expected, sequence, cluster, at) => {
      expect((await made(sequence, cluster, at)).isTaken).toBe(expected);
    });

    test('and no later one', async () => {
      expect(await made(2, CLUSTER, noon)).toEqual({ isTaken: false, isAsked: false });
    });
  });
});

describe('what a key puts an end to', () => {
  const before: EndedKey[] = [{ sequence: 9, at: 1 }];
  const endedBy = async (creation: DueCreation, keys = genuine.keys) =>
    (await make(creation, {}, keys)).made.ended;
  const having = (one: OpenedKey, ended: EndedKey[]) =>
    genuine.keys.map((other) => (other === one ? { ...one, ended } : other));

  test('of an issuing key, is told with its serial number and its root', async () => {
    const serial = Buffer.from(parseCertificate(key(ISSUING).certificate).serialNumber);
    expect(await endedBy(due('tls/issuing', 3, { ends: [2] }))).toEqual([
      { sequence: 2, at: noon + 10, certificate: { serial: serial.toString('hex'), root: 1 } },
    ]);
  });

  test('of an SSH authority, is told with its public key', async () => {
    expect(await endedBy(due('ssh-user/sign', 2, { ends: [1] }))).toEqual([
      { sequence: 1, at: noon + 10, publicKey: encodeBase64(key(SSH).publicKey) },
    ]);
  });

  test.each([
    ['of the prober and of roots', due('probe/authenticate', 2, { ends: [1] })],
    ['of roots', due('tls/root', 3, { ends: [1] })],
    ['of a key that is gone', due('ssh-user/sign', 8, { ends: [1] })],
  ])('%s, is told by its number', async (_, creation) => {
    const keys =
      creation.sequence === 8 ? genuine.keys.filter((one) => one !== key(SSH)) : genuine.keys;
    expect(await endedBy(creation, keys)).toEqual([{ sequence: 1, at: noon + 10 }]);
  });

  test('is remembered by the key that ends the one which said so, and by every SSH authority after it', async () => {
    const keys = having(key(SSH), before);
    const ended = await endedBy(due('ssh-user/sign', 2, { ends: [1] }), keys);
    expect(ended?.map(({ sequence }) => sequence)).toEqual([1, 9]);
    expect(await endedBy(due('ssh-user/sign', 2), keys)).toEqual(before);
    expect(await endedBy(due('ssh-host/sign', 2, { ends: [1] }), keys)).toHaveLength(1);
  });

  test('is remembered by every root after it, once', async () => {
    const keys = having(key(ROOT), before);
    expect(await endedBy(due('tls/root', 3), keys)).toEqual(before);
    const twice = [...keys, { ...key(ROOT), sequence: 2, ended: before }];
    expect(await endedBy(due('tls/root', 3), twice)).toEqual(before);
    expect(await endedBy(due('tls/issuing', 3), keys)).toBeUndefined();
    expect(await endedBy(due('tls/root', 3), having(key(ISSUING), before))).toBeUndefined();
  });
});
