import { describe, expect, test } from 'vitest';
import { authoritiesOf } from '../../../shared/authority/authorities.ts';
import type { Custody } from '../../../shared/authority/custody.ts';
import { type GenuineKeys, openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import {
  type InitWish,
  initAuthorities as initWith,
} from '../../../shared/authority/init-authorities.ts';
import {
  createKeyStore,
  type KeyStore,
  type StoredKeys,
} from '../../../shared/authority/key-store.ts';
import { createKeyring } from '../../../shared/authority/keyring.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import { markFor, type RotationParts, rotateKeys } from '../../../shared/authority/rotate.ts';
import type { KeyOwner, SealedMark } from '../../../shared/authority/signing-key.ts';
import { caPin } from '../../../shared/authority/trust-bundle.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import { createParts, later, NOON, takeRow } from './rotation-parts.ts';

const DAY = 24 * 3600;

/** Nobody else is under way in these tests. */
const initAuthorities = (parts: RotationParts, wish: InitWish, now: Date) =>
  initWith(parts, wish, now, 0);

const PLAIN: InitWish = { resume: false, giveUp: [] };
const RESUME: InitWish = { resume: true, giveUp: [] };

async function initiated(): Promise<RotationParts> {
  const parts = createParts();
  await initAuthorities(parts, PLAIN, NOON);
  return parts;
}

const genuineOf = async (parts: RotationParts): Promise<GenuineKeys> => {
  const genuine = await openGenuineKeys(await parts.store.list(), parts, NOON);
  if (!genuine) throw new Error('the keys do not open');
  return genuine;
};

const pinOf = async ({ custody }: RotationParts): Promise<string> =>
  caPin((await custody.rememberedRoot())?.publicKeyInfo ?? Buffer.of());

const works = async (parts: RotationParts): Promise<boolean> => {
  const genuine = await openGenuineKeys(await parts.store.list(), parts, NOON);
  return genuine !== undefined && authoritiesOf(genuine, parts.policy, NOON) !== undefined;
};

/** What a caller of the broker with these parts is told. */
const told = async (parts: RotationParts): Promise<string> => {
  try {
    await createKeyring(parts, () => NOON).authorities();
    return 'works';
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
};

const emptied = (parts: RotationParts): RotationParts => ({
  ...parts,
  store: createKeyStore(createMemoryTable()),
});

test('makes every key once, and is refused from then on', async () => {
  const parts = createParts();
  const { done } = await initAuthorities(parts, PLAIN, NOON);
  expect(done).toHaveLength(6);
  expect(await works(parts)).toBe(true);
  for (const wish of [PLAIN, RESUME, { resume: false, giveUp: [await pinOf(parts)] }])
    await expect(initAuthorities(parts, wish, NOON)).rejects.toMatchObject({
      code: 'already_exists',
      message: 'there is an authority already: joinctl auth status',
    });
});

test('nothing but init makes the first keys', async () => {
  const parts = createParts();
  expect(await told(parts)).toContain('there is no authority yet');
  expect((await rotateKeys(parts, NOON)).done).toEqual([]);
  expect((await parts.store.list()).taken).toEqual([]);
});

test('of five at once one goes on, and makes one root', async () => {
  const parts = createParts();
  let roots = 0;
  const custody: Custody = {
    ...parts.custody,
    createRootKey: (cluster) => {
      roots += 1;
      return parts.custody.createRootKey(cluster);
    },
  };
  const results = await Promise.allSettled(
    [1, 2, 3, 4, 5].map(() => initAuthorities({ ...parts, custody }, PLAIN, NOON)),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const result of results)
    if (result.status === 'rejected') expect(result.reason.code).toBe('try_again');
  expect(roots).toBe(1);
  expect(await works(parts)).toBe(true);
});

describe('another cluster', () => {
  test('is told for which one the root was made, and gets no init', async () => {
    const parts = { ...(await initiated()), cluster: 'other.example.org' };
    const message =
      "custody's root was made for the cluster test.example.org, not for other.example.org: JOIN_BROKER_CLUSTER_NAME never changes";
    expect(await told(parts)).toBe(message);
    for (const wish of [PLAIN, RESUME, { resume: false, giveUp: [await pinOf(parts)] }])
      await expect(initAuthorities(parts, wish, NOON)).rejects.toThrow(message);
    await expect(initAuthorities(emptied(parts), PLAIN, NOON)).rejects.toThrow(message);
  });
});

test('another custody than that of the tables is told, and gets no init', async () => {
  const parts = { ...(await initiated()), custody: createParts().custody };
  expect(await told(parts)).toContain('the table of keys is of another custody');
  for (const wish of [PLAIN, RESUME])
    await expect(initAuthorities(parts, wish, NOON)).rejects.toThrow('of another custody');
});

describe('an empty table, while custody remembers a root', () => {
  test('is told, and gets no init', async () => {
    const parts = emptied(await initiated());
    expect(await told(parts)).toContain('is empty, but custody remembers a root');
    await expect(initAuthorities(parts, PLAIN, NOON)).rejects.toThrow(
      `give up ${await pinOf(parts)}; every relying party has to learn`,
    );
    await expect(initAuthorities(parts, RESUME, NOON)).rejects.toThrow('give up');
    expect((await parts.store.list()).taken).toEqual([]);
  });

  test('gets a new authority where the pin is named that is given up', async () => {
    const parts = emptied(await initiated());
    const pin = await pinOf(parts);
    await initAuthorities(parts, { resume: false, giveUp: [pin] }, NOON);
    expect(await works(parts)).toBe(true);
    expect(await pinOf(parts)).not.toBe(pin);
  });

  test.each([
    ['another pin', `sha256:${'00'.repeat(32)}`],
    ['an SSH authority', 'ssh-user'],
  ])('gets none for %s', async (_, name) => {
    const parts = emptied(await initiated());
    const wish = { resume: false, giveUp: [name] };
    await expect(initAuthorities(parts, wish, NOON)).rejects.toThrow('give up sha256:');
  });
});

describe('a lost key', () => {
  test.each<KeyOwner>(['ssh-user', 'ssh-host'])(
    'of %s is replaced when it is named',
    async (owner) => {
      const parts = await initiated();
      await parts.store.remove(owner, 1);
      await expect(initAuthorities(parts, PLAIN, NOON)).rejects.toThrow(`give up ${owner};`);
      await expect(initAuthorities(parts, RESUME, NOON)).rejects.toThrow(`give up ${owner};`);
      const { done } = await initAuthorities(parts, { resume: false, giveUp: [owner] }, later(60));
      expect(done).toMatchObject([{ kind: 'create', owner, sequence: 2 }]);
      expect(await works(parts)).toBe(true);
    },
  );

  test('of the root is replaced when its pin is named, and so is the issuing key', async () => {
    const parts = await initiated();
    const pin = await pinOf(parts);
    await parts.store.remove('tls', 1);
    await expect(initAuthorities(parts, RESUME, NOON)).rejects.toThrow(`give up ${pin};`);
    const { done } = await initAuthorities(parts, { resume: false, giveUp: [pin] }, NOON);
    expect(done).toMatchObject([
      { owner: 'tls', purpose: 'root', sequence: 3 },
      { owner: 'tls', purpose: 'issuing', sequence: 4 },
    ]);
    expect(await works(parts)).toBe(true);
  });

  test('of a root beside its successor is no case for init, whatever is given up', async () => {
    const parts = await initiated();
    const pin = await pinOf(parts);
    await replaceAuthority(parts, 'tls', { leaked: false, numbers: [1] }, NOON);
    await parts.store.remove('tls', 1);
    for (const giveUp of [[], [pin], [await pinOf(parts)]])
      await expect(initAuthorities(parts, { resume: false, giveUp }, NOON)).rejects.toMatchObject({
        code: 'already_exists',
        message:
          'a root is lost beside its successor: restore it, or end it with joinctl auth retire',
      });
  });

  test('of each of several owners is named, and no fewer are given up', async () => {
    const parts = await initiated();
    await parts.store.remove('ssh-user', 1);
    await parts.store.remove('ssh-host', 1);
    const asked = 'give up ssh-user and ssh-host;';
    for (const giveUp of [[], ['ssh-user'], ['ssh-host'], ['ssh-user', 'ssh-host', 'probe']])
      await expect(initAuthorities(parts, { resume: false, giveUp }, NOON)).rejects.toThrow(asked);
    await initAuthorities(parts, { resume: false, giveUp: ['ssh-host', 'ssh-user'] }, NOON);
    expect(await works(parts)).toBe(true);
  });

  test('was used, whatever the mark of another owner says', async () => {
    const parts = await initiated();
    await parts.store.writeMark(markFor(await genuineOf(parts), 'tls', 0));
    await parts.store.remove('ssh-user', 1);
    await expect(initAuthorities(parts, PLAIN, NOON)).rejects.toThrow('give up ssh-user;');
  });

  test('that encrypts the others takes all of them with it', async () => {
    const parts = await initiated();
    const pin = await pinOf(parts);
    await parts.store.remove('data', 1);
    await expect(initAuthorities(parts, PLAIN, NOON)).rejects.toThrow(`give up ${pin};`);
    const { done } = await initAuthorities(parts, { resume: false, giveUp: [pin] }, NOON);
    expect(done.map((action) => action.kind !== 'mark' && action.sequence)).not.toContain(0);
    expect(await works(parts)).toBe(true);
    expect((await rotateKeys(parts, NOON)).ignored).toContain('tls/1');
  });

  test('that was given up does not come back with its row', async () => {
    const parts = await initiated();
    const [row] = (await parts.store.list()).keys.filter(({ owner }) => owner === 'data');
    const pin = await pinOf(parts);
    if (!row) throw new Error('there is no data key');
    await parts.store.remove('data', 1);
    // The number of a row that is gone is free again for the data key alone: a broken row keeps it.
    await parts.store.insert({ ...row, sealed: Buffer.of(1) });
    await initAuthorities(parts, { resume: false, giveUp: [pin] }, NOON);
    const now = await pinOf(parts);
    await parts.store.remove('data', 1);
    await parts.store.insert(row);
    const genuine = await openGenuineKeys(await parts.store.list(), parts, NOON);
    const authorities = genuine && authoritiesOf(genuine, parts.policy, NOON);
    expect(authorities?.roots.map(({ publicKeyInfo }) => caPin(publicKeyInfo))).toEqual([now]);
  });

  test('is not given up where none is lost', async () => {
    const parts = createParts();
    const wish = { resume: false, giveUp: ['ssh-user'] };
    await expect(initAuthorities(parts, wish, NOON)).rejects.toThrow('nothing has to be given up');
  });
});

describe('an init that stopped half-way', () => {
  /** Stops at its n-th write. */
  const stopping = (parts: RotationParts, at: number): RotationParts => {
    let writes = 0;
    return {
      ...parts,
      store: {
        ...parts.store,
        insert: (...row) => {
          writes += 1;
          return writes === at ? Promise.reject(new Error('stopped')) : parts.store.insert(...row);
        },
      },
    };
  };

  test.each([2, 3, 4])('at its write %i goes on when it is resumed, and only then', async (at) => {
    const parts = createParts();
    await expect(initAuthorities(stopping(parts, at), PLAIN, NOON)).rejects.toThrow('stopped');
    expect(await works(parts)).toBe(false);
    expect(await told(parts)).toContain('keys are missing');
    await expect(initAuthorities(parts, PLAIN, NOON)).rejects.toThrow('to be resumed');
    await initAuthorities(parts, RESUME, NOON);
    expect(await works(parts)).toBe(true);
  });

  test('goes on where it had found no number of a root, and said so', async () => {
    const table = createMemoryTable();
    const parts = createParts(table);
    await initAuthorities(parts, PLAIN, NOON);
    for (const key of ['000000001', '000000002', 'highest']) await takeRow(table, 'tls', key);
    await expect(initAuthorities(stopping(parts, 1), RESUME, NOON)).rejects.toThrow('stopped');
    expect((await genuineOf(parts)).marks).toContainEqual(
      expect.objectContaining({ owner: 'tls', highest: 0 }),
    );
    await initAuthorities(parts, RESUME, NOON);
    expect(await works(parts)).toBe(true);
  });

  test('at its first write has done nothing', async () => {
    const parts = createParts();
    await expect(initAuthorities(stopping(parts, 1), PLAIN, NOON)).rejects.toThrow('stopped');
    await expect(initAuthorities(parts, RESUME, NOON)).rejects.toThrow('no init to resume');
    await initAuthorities(parts, PLAIN, NOON);
    expect(await works(parts)).toBe(true);
  });

  test.each([5, 6])('at its write %i is finished by rotation', async (at) => {
    const parts = createParts();
    await expect(initAuthorities(stopping(parts, at), PLAIN, NOON)).rejects.toThrow('stopped');
    await rotateKeys(parts, NOON);
    expect(await works(parts)).toBe(true);
  });
});

describe('of several that make a root at once', () => {
  /** What was begun, in a store in which somebody else does something once our mark is written. */
  async function begun(meddle: (stored: StoredKeys) => StoredKeys, isFaster = false) {
    const parts = await initiated();
    await parts.store.remove('tls', 1);
    return goOn(parts, [await pinOf(parts)], { meddle, isFaster });
  }
  async function goOn(
    parts: RotationParts,
    giveUp: readonly string[],
    { meddle = (stored: StoredKeys): StoredKeys => stored, isFaster = false, now = NOON } = {},
  ) {
    const written: number[] = [];
    const store: KeyStore = {
      ...parts.store,
      async list() {
        const stored = await parts.store.list();
        return written.length > 0 ? meddle(stored) : stored;
      },
      async writeMark(mark) {
        written.push(mark.highest);
        return isFaster ? false : parts.store.writeMark(mark);
      },
    };
    const going = initAuthorities({ ...parts, store }, { resume: false, giveUp }, now);
    const outcome = await going.then(
      () => 'made',
      ({ code }: { code: string }) => code,
    );
    const roots = (await parts.store.list()).keys.filter(({ purpose }) => purpose === 'root');
    return { outcome, roots: roots.length, written };
  }
  const ofTls = (stored: StoredKeys, change: (mark: SealedMark) => SealedMark[]): StoredKeys => ({
    ...stored,
    marks: stored.marks.flatMap((mark) => (mark.owner === 'tls' ? change(mark) : [mark])),
  });

  test('the one whose mark stays makes it; it is the mark of the highest number so far', async () => {
    expect(await begun((stored) => stored)).toEqual({ outcome: 'made', roots: 1, written: [2] });
  });

  test('no other numbers count than those of roots and issuing keys', async () => {
    const parts = await initiated();
    for (const day of [1, 2, 3]) await rotateKeys(parts, later(day * DAY));
    await parts.store.remove('tls', 1);
    const now = later(3 * DAY);
    expect(await goOn(parts, [await pinOf(parts)], { now })).toMatchObject({
      outcome: 'made',
      written: [2],
    });
  });

  test('the number of a root that is over counts, though its mark is lost', async () => {
    const table = createMemoryTable();
    const parts = createParts(table);
    await initAuthorities(parts, PLAIN, NOON);
    await takeRow(table, 'tls', 'highest');
    const now = later(10 * 366 * DAY);
    const { outcome, written } = await goOn(parts, [await pinOf(parts)], { now });
    expect([outcome, written[0]]).toEqual(['made', 2]);
  });

  test('the root is reserved beside other keys that are made, and nothing for those alone', async () => {
    const both = await initiated();
    for (const owner of ['tls', 'ssh-host'] as const) await both.store.remove(owner, 1);
    const pin = await pinOf(both);
    expect(await goOn(both, [pin, 'ssh-host'])).toMatchObject({ outcome: 'made', written: [2] });
    const other = await initiated();
    await other.store.remove('ssh-host', 1);
    expect(await goOn(other, ['ssh-host'])).toEqual({ outcome: 'made', roots: 1, written: [] });
  });

  test.each<[string, (stored: StoredKeys) => StoredKeys, boolean]>([
    [
      'wrote its mark after ours',
      (stored) => ofTls(stored, (mark) => [{ ...mark, sealed: Buffer.of(1) }]),
      false,
    ],
    ['took ours away', (stored) => ofTls(stored, () => []), false],
    ['was faster', (stored) => stored, true],
  ])('none is made by who finds that another one %s', async (_, meddle, isFaster) => {
    const { outcome, roots } = await begun(meddle, isFaster);
    expect([outcome, roots]).toEqual(['try_again', 0]);
  });
});

test('makes nothing while custody can not be asked', async () => {
  const parts = createParts();
  const rememberedRoot = () => Promise.reject(new Error('the vault is down'));
  const custody = { ...parts.custody, rememberedRoot };
  await expect(initAuthorities({ ...parts, custody }, PLAIN, NOON)).rejects.toThrow('down');
  expect((await parts.store.list()).taken).toEqual([]);
});
