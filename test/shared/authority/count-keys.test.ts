/** Which rows count of those that the data key sealed: each test bends one thing of a key that counts. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type CountedKeys, countKeys, rootOf } from '../../../shared/authority/count-keys.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import type { RotationParts } from '../../../shared/authority/rotate.ts';
import type { EndedKey, OpenedKey } from '../../../shared/authority/signing-key.ts';
import { publicKeyInfo } from '../../../shared/authority/x509.ts';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import { createRotatedParts, later } from './rotation-parts.ts';

const DAY = 24 * 3600;
let parts: RotationParts;
/** Of every kind one, and a root that the first one certified. */
let ours: readonly OpenedKey[];
let root: OpenedKey;
let successor: OpenedKey;
let issuing: OpenedKey;
let user: OpenedKey;
let host: OpenedKey;
let probe: OpenedKey;

beforeAll(async () => {
  parts = await createRotatedParts();
  await replaceAuthority(parts, 'tls', { leaked: false, numbers: [1] }, later(DAY));
  const opened = await openGenuineKeys(await parts.store.list(), parts, later(DAY));
  ours = opened?.keys ?? [];
  const named = (name: string): OpenedKey =>
    ours.find((key) => nameOf(key) === name) ?? expect.fail(`no ${name}`);
  [root, successor, issuing] = [named('tls/1'), named('tls/3'), named('tls/2')];
  [user, host, probe] = [named('ssh-user/1'), named('ssh-host/1'), named('probe/1')];
});

const nameOf = ({ owner, sequence }: OpenedKey): string => `${owner}/${sequence}`;
const count = (keys: readonly OpenedKey[]): Promise<CountedKeys> => countKeys(keys, parts.custody);
/** What is sealed names a row's content: another content is sealed as something else. */
const bent = (key: OpenedKey, more: Partial<OpenedKey>): OpenedKey => ({
  ...key,
  ...more,
  sealed: randomBytes(16),
});
/** Where all others are ours. */
async function fateOf(key: OpenedKey): Promise<keyof CountedKeys | undefined> {
  const others = ours.filter((one) => nameOf(one) !== nameOf(key));
  const counted = await count([...others, key]);
  return (['alive', 'ended', 'orphans', 'foreign'] as const).find((fate) =>
    counted[fate].includes(key),
  );
}
const newKey = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: publicKeyInfo(publicKey),
    secret: privateKey.export({ format: 'der', type: 'pkcs8' }),
  };
};

test('all of ours count, in the order in which they came', async () => {
  const counted = await count(ours);
  expect(counted).toEqual({ alive: ours, ended: [], orphans: [], foreign: [] });
  const backwards = ours.toReversed();
  expect((await count(backwards)).alive).toEqual(backwards);
  for (const key of ours) expect(await fateOf(bent(key, {}))).toBe('alive');
  expect(successor.cross?.by).toBe(1);
});

describe('is foreign:', () => {
  test.each<[string, () => OpenedKey]>([
    [
      'a root whose certificate is of another key',
      () => bent(root, { certificate: successor.certificate }),
    ],
    ['a root whose secret is that of another one', () => bent(root, { secret: successor.secret })],
    ['a root that custody does not know', () => bent(root, { secret: randomBytes(8) })],
    [
      'a root whose certificate somebody else signed',
      () => bent(successor, { certificate: successor.cross?.certificate ?? expect.fail() }),
    ],
    [
      'a root of whose predecessor it has a certificate, but of another key',
      () => bent(successor, { cross: { by: 1, certificate: root.certificate } }),
    ],
    [
      'a root whose predecessor did not sign what it says',
      () => bent(successor, { cross: { by: 1, certificate: successor.certificate } }),
    ],
    ['an issuing key with the secret of another one', () => bent(issuing, { secret: user.secret })],
    [
      'an issuing key whose certificate is none',
      () => bent(issuing, { certificate: randomBytes(8) }),
    ],
    ['an issuing key of another certificate', () => bent(issuing, newKey())],
    ['an SSH authority with the secret of another one', () => bent(user, { secret: host.secret })],
    ['an SSH authority without a secret', () => bent(user, { secret: Buffer.of() })],
    ['an SSH authority with a key that is none', () => bent(user, { publicKey: randomBytes(8) })],
    [
      'an SSH authority with a key that SSH does not know',
      () => {
        const { publicKey, privateKey } = generateKeyPairSync('x25519');
        const secret = privateKey.export({ format: 'der', type: 'pkcs8' });
        return bent(user, { publicKey: publicKeyInfo(publicKey), secret });
      },
    ],
    ["a prober's key without a secret", () => bent(probe, { secret: Buffer.of() })],
    ['a data key among the others', () => bent(probe, { purpose: 'encrypt' })],
  ])('%s', async (_, key) => {
    expect(await fateOf(key())).toBe('foreign');
  });

  const serial = (text: string): EndedKey => ({
    sequence: 7,
    at: 1,
    certificate: { serial: text, root: 1 },
  });
  test.each<[string, EndedKey]>([
    ['a number without digits', serial('')],
    ['a number of 21 bytes', serial('ab'.repeat(21))],
    ['a number of half a byte', serial('abc')],
    ['a number in capitals', serial('AB')],
    ['a number with more before it', serial('x-ab')],
    ['a number with more behind it', serial('ab-x')],
    ['a public key that is no base64', { sequence: 7, at: 1, publicKey: '%' }],
    ['a public key that is none', { sequence: 7, at: 1, publicKey: 'AAAA' }],
  ])('what puts an end to %s, even beside one that can be read', async (_, one) => {
    expect(await fateOf(bent(user, { ended: [serial('ab'), one] }))).toBe('foreign');
  });

  test.each<[string, () => EndedKey]>([
    ['a number of twenty bytes', () => serial('0f'.repeat(20))],
    ['a key by its number alone', () => ({ sequence: 7, at: 1 })],
    ['a public key', () => ({ sequence: 7, at: 1, publicKey: encodeBase64(host.publicKey) })],
  ])('but not what puts an end to %s', async (_, one) => {
    expect(await fateOf(bent(user, { ended: [one()] }))).toBe('alive');
  });
});

test('an SSH authority may have any key that SSH knows', async () => {
  expect(await fateOf(bent(user, newKey()))).toBe('alive');
});

describe('a root that its predecessor certified', () => {
  test('counts where the row of that one is not there', async () => {
    const unknown = bent(successor, { cross: { by: 9, certificate: successor.certificate } });
    expect(await fateOf(unknown)).toBe('alive');
  });

  test('is measured by the root of that number, not by another key that has it', async () => {
    const like = bent(probe, { sequence: 1, publicKey: randomBytes(8) });
    const counted = await count([like, ...ours.filter((key) => key !== probe)]);
    expect(counted.foreign).toEqual([]);
  });
});

test('no root signed what is no certificate, and none whose key can not be read signed anything', () => {
  expect(rootOf(issuing, [successor, root])).toBe(root);
  expect(rootOf(issuing, [bent(root, { publicKey: randomBytes(8) })])).toBeUndefined();
  expect(rootOf(bent(issuing, { certificate: randomBytes(8) }), [root])).toBeUndefined();
});

describe('an end', () => {
  const endOf = (...numbers: number[]) => numbers.map((sequence) => ({ sequence, at: 1 }));
  const counted = async (...keys: OpenedKey[]) => {
    const names = (list: readonly OpenedKey[]) => list.map(nameOf);
    const { alive, ended, foreign } = await count(keys);
    return { alive: names(alive), ended: names(ended), foreign: names(foreign) };
  };

  test('is of the keys that a newer one names', async () => {
    const newer = bent(user, { ...newKey(), sequence: 3, ended: endOf(1) });
    const between = bent(user, { ...newKey(), sequence: 2 });
    expect(await counted(user, between, newer)).toEqual({
      alive: ['ssh-user/2', 'ssh-user/3'],
      ended: ['ssh-user/1'],
      foreign: [],
    });
    const all = bent(newer, { ended: endOf(2, 1) });
    expect((await counted(user, between, all)).ended).toEqual(['ssh-user/1', 'ssh-user/2']);
  });

  test('is of all older ones, where a leak is answered', async () => {
    const leaked = bent(user, { ...newKey(), sequence: 3 });
    const answer = bent(leaked, { ended: [{ sequence: 1, at: leaked.created }] });
    const between = bent(user, { ...newKey(), sequence: 2 });
    const after = bent(user, { ...newKey(), sequence: 4 });
    expect(await counted(user, between, answer, after)).toEqual({
      alive: ['ssh-user/3', 'ssh-user/4'],
      ended: ['ssh-user/1', 'ssh-user/2'],
      foreign: [],
    });
  });

  test('comes of no key that has an end itself', async () => {
    const second = bent(user, { ...newKey(), sequence: 2, ended: endOf(1) });
    const third = bent(user, { ...newKey(), sequence: 3, ended: endOf(2) });
    expect(await counted(user, second, third)).toMatchObject({
      alive: ['ssh-user/1', 'ssh-user/3'],
      ended: ['ssh-user/2'],
    });
  });

  test("is of no other owner's key, of no newer one, and of none that only has a number like it", async () => {
    const others = bent(host, { sequence: 2, ended: endOf(1) });
    expect((await counted(user, others)).ended).toEqual([]);
    const newer = bent(user, { ...newKey(), sequence: 2 });
    expect((await counted(bent(user, { ended: endOf(2) }), newer)).ended).toEqual([]);
    expect((await counted(user, bent(newer, { ended: endOf(9) }))).ended).toEqual([]);
  });

  test('is of no key of another purpose, whoever owns both', async () => {
    const odd = bent(probe, { owner: 'ssh-user', sequence: 2, ended: endOf(1) });
    expect((await counted(user, odd)).ended).toEqual([]);
  });

  test('is of no root, where an issuing key says so', async () => {
    const ends = bent(issuing, { ended: endOf(1) });
    expect(await counted(root, ends)).toEqual({
      alive: ['tls/1', 'tls/2'],
      ended: [],
      foreign: [],
    });
  });

  test('is of a root, and its issuing key has none then', async () => {
    const ends = bent(successor, { ended: endOf(1) });
    const { alive, ended, orphans } = await count([root, ends, issuing]);
    expect([alive, ended, orphans]).toEqual([[ends], [root], [issuing]]);
  });

  test('is of a root about which custody is not asked then', async () => {
    const asked: Uint8Array[] = [];
    const custody = {
      ...parts.custody,
      publicKeyOfRoot: async (handle: Uint8Array) => {
        asked.push(handle);
        return parts.custody.publicKeyOfRoot(handle);
      },
    };
    await countKeys([root, bent(successor, { ended: endOf(1) })], custody);
    expect(asked).toEqual([successor.secret]);
  });
});

test('nothing counts, and nothing is lost, where custody can not be asked', async () => {
  const down = async (): Promise<never> => {
    throw new Error('down');
  };
  const custody = { ...parts.custody, publicKeyOfRoot: down };
  await expect(countKeys([root], custody)).rejects.toThrow('down');
});
