import { createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authorities, authoritiesOf } from '../../../shared/authority/authorities.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import type { StoredKeys } from '../../../shared/authority/key-store.ts';
import { type RotationParts, rotateKeys } from '../../../shared/authority/rotate.ts';
import { sealKey } from '../../../shared/authority/sealing.ts';
import type { KeyOwner, SealedKey } from '../../../shared/authority/signing-key.ts';
import { sshPublicKey } from '../../../shared/encoding/ssh-public-key.ts';
import { createRotatedParts, later } from './rotation-parts.ts';

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
  expect(authorities?.sshUserCas).toHaveLength(1);
  expect(authorities?.sshHostCas).toHaveLength(1);
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
