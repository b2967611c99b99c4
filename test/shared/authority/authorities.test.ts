import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authorities, authoritiesOf } from '../../../shared/authority/authorities.ts';
import { rootOf } from '../../../shared/authority/count-keys.ts';
import { type GenuineKeys, openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import type { StoredKeys } from '../../../shared/authority/key-store.ts';
import { deriveLogKey, sealLogKeys } from '../../../shared/authority/log-key.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import { type RotationParts, rotateKeys } from '../../../shared/authority/rotate.ts';
import { ROTATION_POLICY, retirement } from '../../../shared/authority/rotation-policy.ts';
import { sealKey } from '../../../shared/authority/sealing.ts';
import type {
  EndedKey,
  KeyOwner,
  OpenedKey,
  SealedKey,
} from '../../../shared/authority/signing-key.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import { sshPublicKey } from '../../../shared/encoding/ssh-public-key.ts';
import { createRotatedParts, createScene, later } from './rotation-parts.ts';

const DAY = 24 * 3600;

/** Ten days on: two issuing keys, of which the second has just begun, and two keys for the prober. */
const LATER = later(10 * DAY);
let parts: RotationParts;
let rows: readonly SealedKey[];
let stored: StoredKeys;
let dataKey: Uint8Array;

beforeAll(async () => {
  parts = await createRotatedParts();
  for (const day of [7, 9, 10]) await rotateKeys(parts, later(day * DAY));
  stored = await parts.store.list();
  rows = stored.keys;
  const genuine = await openGenuineKeys(stored, parts, LATER);
  dataKey = genuine?.dataKey ?? Buffer.of();
});

async function open(
  keys: readonly SealedKey[] = rows,
  at = LATER,
): Promise<Authorities | undefined> {
  const genuine = await openGenuineKeys({ ...stored, keys }, parts, at);
  return genuine && authoritiesOf(genuine, parts.policy, at);
}

const row = (owner: KeyOwner, sequence: number): SealedKey => {
  const found = rows.find((key) => key.owner === owner && key.sequence === sequence);
  if (!found) throw new Error(`there is no ${owner} ${sequence}`);
  return found;
};
/** The rows with one in place of another. */
const changed = (before: SealedKey, change: Partial<SealedKey>): SealedKey[] =>
  rows.map((key) => (key === before ? { ...key, ...change } : key));

test('opens the newest key of each kind', async () => {
  const authorities = await open();
  expect(authorities?.issuing.certificate).toEqual(row('tls', 3).certificate);
  expect(authorities?.issuing.root).toEqual(row('tls', 1).certificate);
  expect(authorities?.issuing.notAfter).toEqual(new Date(row('tls', 3).expires * 1000));
  expect(authorities?.roots.map(({ publicKeyInfo }) => publicKeyInfo)).toEqual([
    row('tls', 1).publicKey,
  ]);
  expect(authorities?.probeKeys.map(({ sequence }) => sequence)).toEqual([4, 3]);
  expect(authorities?.sshUserCas).toEqual([authorities?.sshUser.publicKey]);
  expect(authorities?.sshHostCas).toEqual([authorities?.sshHost.publicKey]);
  expect(authorities?.sshUserCas).not.toEqual(authorities?.sshHostCas);
});

test('private keys are those of the public ones', async () => {
  const authorities = await open();
  if (!authorities) throw new Error('not open');
  const { issuing, sshUser } = authorities;
  const spki = createPublicKey(issuing.privateKey).export({ format: 'der', type: 'spki' });
  expect(Buffer.from(issuing.publicKeyInfo)).toEqual(spki);
  expect(sshPublicKey(createPublicKey(sshUser.privateKey))).toEqual(sshUser.publicKey);
});

test('a key that has expired is left out, though its row is still there', async () => {
  const weeks = later(14 * DAY);
  const authorities = await open(rows, weeks);
  expect(authorities).toBeUndefined();
  expect(
    (await open(rows, later(12 * DAY - 1)))?.probeKeys.map(({ sequence }) => sequence),
  ).toEqual([4]);
});

describe('a row that does not authenticate is left out', async () => {
  test.each<[string, () => SealedKey[]]>([
    [
      'its public key was changed',
      () => changed(row('tls', 3), { publicKey: row('tls', 2).publicKey }),
    ],
    [
      'its certificate was changed',
      () => changed(row('tls', 3), { certificate: row('tls', 2).certificate }),
    ],
    [
      'its life was made longer',
      () => changed(row('tls', 3), { expires: row('tls', 3).expires + 1 }),
    ],
    [
      'its private part was changed',
      () => changed(row('tls', 3), { sealed: row('tls', 2).sealed }),
    ],
    ['it lost its private part', () => changed(row('tls', 3), { sealed: Buffer.of() })],
  ])('%s: the key before it signs', async (_, rowsOf) => {
    expect((await open(rowsOf()))?.issuing.certificate).toEqual(row('tls', 2).certificate);
  });

  test('somebody wrote a newer key of their own', async () => {
    const stranger = await createRotatedParts();
    const foreign = (await stranger.store.list()).keys.map((key) => ({
      ...key,
      sequence: key.sequence + 10,
    }));
    expect(await open([...rows, ...foreign])).toEqual(await open());
  });

  test('somebody published an SSH authority', async () => {
    const planted = { ...row('ssh-user', 1), sequence: 2 };
    expect((await open([...rows, planted]))?.sshUserCas).toHaveLength(1);
    const host = { ...row('ssh-host', 1), owner: 'ssh-user' as const, sequence: 3 };
    expect((await open([...rows, host]))?.sshUserCas).toHaveLength(1);
  });

  test('somebody brought an expired key back', async () => {
    const { sealed, ...description } = row('probe', 3);
    const old = sealKey(dataKey, { ...description, sequence: 1, expires: 5 }, sealed);
    const revived = { ...old, expires: row('probe', 3).expires };
    expect((await open([...rows, old, revived]))?.probeKeys).toHaveLength(2);
  });
});

test.each<[KeyOwner, number[]]>([
  ['tls', [1]],
  ['tls', [2, 3]],
  ['ssh-user', [1]],
  ['ssh-host', [1]],
  ['probe', [3, 4]],
])('nothing opens without %s %j', async (owner, sequences) => {
  const left = rows.filter((key) => !(key.owner === owner && sequences.includes(key.sequence)));
  expect(await open(left)).toBeUndefined();
});

test('nothing opens for another cluster', async () => {
  expect(
    await openGenuineKeys(stored, { ...parts, cluster: 'other.example.org' }, LATER),
  ).toBeUndefined();
});

test('nothing opens with another custody', async () => {
  const stranger = await createRotatedParts();
  expect(await openGenuineKeys(stored, stranger, LATER)).toBeUndefined();
});

describe('of keys that are genuine', () => {
  /** When a root's successor has signed for long enough that no issuing key is left under the root. */
  const SUCCEEDED = ROTATION_POLICY.rootPublication + 17 * DAY;
  let genuine: GenuineKeys;
  let succeeded: GenuineKeys;

  beforeAll(async () => {
    genuine = await genuineIn(parts);
    const { parts: others } = await createScene();
    await replaceAuthority(others, 'tls', { leaked: false, numbers: [1] }, later(0));
    for (let at = 0; at < SUCCEEDED; at += 3 * DAY) await rotateKeys(others, later(at));
    await rotateKeys(others, later(SUCCEEDED));
    succeeded = await genuineIn(others);
  });

  async function genuineIn(from: RotationParts): Promise<GenuineKeys> {
    const found = await openGenuineKeys(await from.store.list(), from, LATER);
    if (!found) throw new Error('the keys do not open');
    return found;
  }

  const seconds = LATER.getTime() / 1000;
  const keyIn = (of: GenuineKeys, name: string): OpenedKey => {
    const key = of.keys.find(({ owner, sequence }) => `${owner}/${sequence}` === name);
    if (!key) throw new Error(`there is no ${name}`);
    return key;
  };
  /** The same keys, of which one is other than it was. */
  const changedIn = (of: GenuineKeys, name: string, change: Partial<OpenedKey>): GenuineKeys => {
    const key = keyIn(of, name);
    return { ...of, keys: of.keys.map((one) => (one === key ? { ...one, ...change } : one)) };
  };
  const authorities = (of: GenuineKeys, at = LATER): Authorities => {
    const found = authoritiesOf(of, parts.policy, at);
    if (!found) throw new Error('a key is missing');
    return found;
  };
  const base64Of = (key: KeyObject): string =>
    key.export({ format: 'der', type: 'spki' }).toString('base64');
  const spki = (key: KeyObject): Buffer =>
    createPublicKey(key).export({ format: 'der', type: 'spki' });

  test('none are authorities without the root of the issuing key', () => {
    const keys = genuine.keys.filter(({ purpose }) => purpose !== 'root');
    expect(authoritiesOf({ ...genuine, keys }, parts.policy, LATER)).toBeUndefined();
  });

  test('none are authorities of SSH with a key that SSH does not know', () => {
    const { publicKey } = generateKeyPairSync('x25519');
    const other = { publicKey: publicKey.export({ format: 'der', type: 'spki' }) };
    expect(() => authorities(changedIn(genuine, 'ssh-user/1', other))).toThrow(
      'an SSH authority has a key of a kind that SSH does not know',
    );
  });

  test.each(['tls/3', 'ssh-user/1', 'ssh-host/1'])(
    'certificates end with the first of those that sign: %s',
    (name) => {
      const first = changedIn(genuine, name, { expires: seconds + 60 });
      expect(authorities(first).signsUntil).toEqual(later(10 * DAY + 60));
    },
  );

  test('the end of each kind is that of its newest key, which may not sign yet', () => {
    const { expires } = authorities(genuine);
    expect(expires).toEqual({
      'tls-root': keyIn(genuine, 'tls/1').expires,
      'tls-issuing': keyIn(genuine, 'tls/3').expires,
      'ssh-user': keyIn(genuine, 'ssh-user/1').expires,
      'ssh-host': keyIn(genuine, 'ssh-host/1').expires,
      probe: keyIn(genuine, 'probe/4').expires,
    });
    const { secret, publicKey } = keyIn(genuine, 'ssh-host/1');
    const upcoming = {
      ...keyIn(genuine, 'ssh-user/1'),
      ...{ secret, publicKey, sequence: 2, starts: seconds + DAY, expires: seconds + 2 * DAY },
    };
    const more = authorities({ ...genuine, keys: [...genuine.keys, upcoming] });
    expect(more.sshUser).toEqual(authorities(genuine).sshUser);
    expect(more.expires['ssh-user']).toBe(seconds + 2 * DAY);
  });

  test('every issuing key that is not over has a list, of the ends that its leaves can have', () => {
    const { issuers } = authorities(genuine);
    const keys = ['tls/2', 'tls/3'].map((name) => keyIn(genuine, name));
    const superseded = keyIn(genuine, 'tls/3').starts + retirement(parts.policy);
    expect(issuers.map(({ privateKey: _, ...issuer }) => issuer)).toEqual(
      keys.map(({ certificate, publicKey, created, expires, sequence }) => ({
        certificate,
        subject: parseCertificate(certificate).subject,
        publicKeyInfo: publicKey,
        endsFrom: created,
        endsUntil: sequence === 2 ? Math.min(expires, superseded) : expires,
      })),
    );
    expect(issuers.map(({ privateKey }) => spki(privateKey))).toEqual(
      keys.map(({ publicKey }) => Buffer.from(publicKey)),
    );
    const over = authorities(changedIn(genuine, 'tls/2', { expires: seconds }));
    expect(over.issuers).toEqual([expect.objectContaining({ endsFrom: keys[1]?.created })]);
    const early = authorities(changedIn(genuine, 'tls/2', { expires: seconds + 1 }));
    expect(early.issuers[0]?.endsUntil).toBe(seconds + 1);
    const late = authorities(changedIn(genuine, 'tls/2', { expires: superseded + DAY }));
    expect(late.issuers[0]?.endsUntil).toBe(superseded);
  });

  describe('what travels along with a leaf', () => {
    const travels = ({ issuing }: Authorities) => ({
      chain: issuing.chain.map((der) => Buffer.from(der)),
      pem: issuing.pem,
    });
    /** What travels along if these certificates do, and the last one only leads to the others. */
    const only = (...ders: readonly (Uint8Array | undefined)[]) => ({
      chain: ders.map((der) => Buffer.from(der ?? [])),
      pem: ders
        .slice(0, -1)
        .map((der) => encodePem('CERTIFICATE', der ?? Buffer.of()))
        .join(''),
    });
    const saying = (ended: readonly EndedKey[]): GenuineKeys => {
      const { root } = underSuccessor(succeeded);
      return changedIn(succeeded, `tls/${root.sequence}`, { ended });
    };
    const underSuccessor = (of: GenuineKeys) => {
      const root = of.keys.find(({ cross }) => cross !== undefined);
      const issuing = of.keys.find(
        (key) => key.purpose === 'issuing' && root && rootOf(key, [root]) === root,
      );
      if (!root || !issuing) throw new Error('the successor has no issuing key');
      return { root, issuing };
    };

    test('is the issuing certificate alone, where nobody knows another root', () => {
      expect(travels(authorities(genuine))).toEqual(
        only(keyIn(genuine, 'tls/3').certificate, keyIn(genuine, 'tls/1').certificate),
      );
    });

    test('leads to the older root, while that is known', () => {
      const { root, issuing } = underSuccessor(succeeded);
      expect(travels(authorities(succeeded, later(SUCCEEDED)))).toEqual(
        only(issuing.certificate, root.cross?.certificate, keyIn(succeeded, 'tls/1').certificate),
      );
    });

    test('leads there, and to no other key of the same number', () => {
      const { issuing } = authorities(succeeded, later(SUCCEEDED));
      const other = succeeded.keys.find(({ owner }) => owner === 'probe');
      if (!other) throw new Error('the prober has no key');
      const keys = [{ ...other, sequence: 1 }, ...succeeded.keys];
      expect(authorities({ ...succeeded, keys }, later(SUCCEEDED)).issuing.chain).toEqual(
        issuing.chain,
      );
    });

    test('leads there, too, after another root has retired', () => {
      const { root, issuing } = underSuccessor(succeeded);
      const others = saying([
        { sequence: 99, at: 0 },
        { sequence: 98, at: 0 },
      ]);
      expect(travels(authorities(others, later(SUCCEEDED)))).toEqual(
        only(issuing.certificate, root.cross?.certificate, keyIn(succeeded, 'tls/1').certificate),
      );
    });

    test('leads there no more once that root has retired, beside others', () => {
      const { root, issuing } = underSuccessor(succeeded);
      const retired = saying([
        { sequence: 99, at: 0 },
        { sequence: 1, at: 0 },
      ]);
      expect(travels(authorities(retired, later(SUCCEEDED)))).toEqual(
        only(issuing.certificate, root.certificate),
      );
    });

    test('leads there no more once the certificate by that root is over', () => {
      const { root } = underSuccessor(succeeded);
      const end = parseCertificate(root.cross?.certificate ?? Buffer.of()).notAfter.getTime();
      const long = {
        ...succeeded,
        keys: succeeded.keys.map((key) => ({ ...key, expires: end / 1000 + DAY })),
      };
      expect(authorities(long, new Date(end - 1000)).issuing.chain).toHaveLength(3);
      expect(authorities(long, new Date(end)).issuing.chain).toHaveLength(2);
    });

    test('does not lead to a root whose row is lost', () => {
      const { root, issuing } = underSuccessor(succeeded);
      const keys = succeeded.keys.filter((key) => key !== keyIn(succeeded, 'tls/1'));
      const { chain } = travels(authorities({ ...succeeded, keys }, later(SUCCEEDED)));
      expect(chain).toEqual([issuing.certificate, root.certificate].map((der) => Buffer.from(der)));
    });
  });

  describe('what leaked', () => {
    const AT = seconds - DAY;
    const leakedIssuing = {
      sequence: 7,
      at: AT,
      certificate: { serial: '4102ff', root: 1 },
    };

    test('is nothing, where no key says so', () => {
      expect(authorities(genuine)).toMatchObject({ revoked: [], revokedSsh: [] });
    });

    test('are issuing certificates, by the root that each is under', () => {
      const [one, two] = succeeded.keys.filter(({ purpose }) => purpose === 'root');
      const ended = [
        leakedIssuing,
        { ...leakedIssuing, certificate: { serial: '4103', root: two?.sequence ?? 0 } },
        { sequence: 8, at: AT },
      ];
      const said = changedIn(succeeded, `tls/${two?.sequence}`, { ended });
      expect(authorities(said, later(SUCCEEDED)).revoked).toEqual([
        {
          root: one?.certificate,
          serialNumber: Buffer.from('4102ff', 'hex'),
          at: later(9 * DAY),
        },
        { root: two?.certificate, serialNumber: Buffer.from('4103', 'hex'), at: later(9 * DAY) },
      ]);
    });

    test.each([
      ['a root that is gone', 77],
      ['an issuing key, which is no root', 2],
      ['a key of another owner', 4],
    ])('is not told under %s', (_, root) => {
      const ended = [{ ...leakedIssuing, certificate: { serial: '4102', root } }];
      expect(authorities(changedIn(genuine, 'tls/3', { ended })).revoked).toEqual([]);
    });

    test('are SSH authorities, each once, whoever names them', () => {
      const { publicKey } = generateKeyPairSync('ed25519');
      const leaked = { sequence: 7, at: AT, publicKey: base64Of(publicKey) };
      const named = changedIn(genuine, 'ssh-user/1', { ended: [leaked, { sequence: 8, at: AT }] });
      const twice = changedIn(named, 'ssh-host/1', { ended: [leaked] });
      expect(authorities(twice).revokedSsh).toEqual([
        { key: sshPublicKey(publicKey), at: later(9 * DAY) },
      ]);
    });
  });

  test('the join log has the key that is made from the data key, and those before it', () => {
    const own = deriveLogKey(genuine.dataKey);
    expect(authorities(genuine).logKey).toEqual({ ...own, former: [] });
    const former = { ...deriveLogKey(Buffer.alloc(32, 1)), until: later(60) };
    const logKeys = sealLogKeys(genuine.dataKey, [former]);
    const takenOver = { from: 1, row: '', until: 0, logKeys };
    const after = { ...genuine, dataRow: { ...genuine.dataRow, takenOver } };
    expect(authorities(after).logKey).toEqual({ ...own, former: [former] });
  });
});
