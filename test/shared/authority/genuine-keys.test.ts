import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { rootOf } from '../../../shared/authority/count-keys.ts';
import type { Custody } from '../../../shared/authority/custody.ts';
import {
  describeDataKey,
  type GenuineKeys,
  hashOf,
  openGenuineKeys,
  rememberKeys,
} from '../../../shared/authority/genuine-keys.ts';
import type { StoredKeys } from '../../../shared/authority/key-store.ts';
import type { RotationParts } from '../../../shared/authority/rotate.ts';
import { sealKey, sealMark } from '../../../shared/authority/sealing.ts';
import {
  describeKey,
  type KeyOwner,
  type OpenedKey,
  type SealedKey,
} from '../../../shared/authority/signing-key.ts';
import { createMemoryCustody } from '../../broker/memory-custody.ts';
import { described } from './described-keys.ts';
import { createRotatedParts, later, NOON } from './rotation-parts.ts';

let parts: RotationParts;
let stored: StoredKeys;
let opened: GenuineKeys;

const open = (rows: Partial<StoredKeys> = {}, at = NOON, opener: Partial<RotationParts> = {}) =>
  openGenuineKeys({ ...stored, ...rows }, { ...parts, ...opener }, at);
const openAll = async (rows: Partial<StoredKeys> = {}, at = NOON): Promise<GenuineKeys> => {
  const genuine = await open(rows, at);
  if (!genuine) throw new Error('no data key opens');
  return genuine;
};
const namesOf = (keys: readonly SealedKey[] = []): string[] =>
  keys.map(({ owner, sequence }) => `${owner}/${sequence}`).toSorted();
const row = (owner: KeyOwner, sequence: number): OpenedKey => {
  const found = opened.keys.find((key) => key.owner === owner && key.sequence === sequence);
  if (!found) throw new Error('no such key');
  return found;
};
/** The same rows under another data key, which custody wrapped as this row. */
async function dataRow(dataKey: Uint8Array, more: Partial<SealedKey>): Promise<SealedKey> {
  const { sealed: _, ...own } = { ...opened.dataRow, ...more };
  return {
    ...own,
    sealed: await parts.custody.wrapDataKey(dataKey, describeDataKey(own, parts.cluster)),
  };
}
function under(dataKey: Uint8Array, { secret, ...key }: OpenedKey, more = {}): SealedKey {
  const { sealed: _, ...own } = { ...key, ...more };
  return sealKey(dataKey, own, secret);
}
const NEW_KEY = Buffer.alloc(32, 7);

const ALL = ['probe/1', 'ssh-host/1', 'ssh-user/1', 'tls/1', 'tls/2'];
beforeAll(async () => {
  parts = await createRotatedParts();
  stored = await parts.store.list();
  opened = await openAll();
});

test('rows that were made by us all open', async () => {
  expect(opened).toMatchObject({
    dataRow: { owner: 'data', sequence: 1 },
    earlierRow: undefined,
    orphans: [],
    ended: [],
    stale: [],
    staleMarks: [],
    ignored: [],
  });
  expect(namesOf(opened.keys)).toEqual(ALL);
  expect(row('probe', 1).secret).toHaveLength(32);
  expect(opened.marks).toEqual(stored.marks);
  expect([...opened.markTags]).toEqual(stored.marks.map(({ owner, etag }) => [owner, etag]));
  expect(opened.markTags.size).toBe(4);
});

test('nothing opens without a data key, with another custody, or for another cluster', async () => {
  expect(await open({ keys: [] })).toBeUndefined();
  expect(await open({ keys: opened.keys })).toBeUndefined();
  expect(await open({}, NOON, { custody: createMemoryCustody() })).toBeUndefined();
  expect(await open({}, NOON, { cluster: 'other.example.org' })).toBeUndefined();
});

describe('a row is ignored, and named,', () => {
  test('that says anything else', async () => {
    const keys = stored.keys.map((key) =>
      key.owner === 'ssh-user' ? { ...key, expires: key.expires + 1 } : key,
    );
    const { keys: found, ignored } = await openAll({ keys, strays: ['x/y'] });
    expect(namesOf(found)).toEqual(ALL.filter((name) => name !== 'ssh-user/1'));
    expect(ignored).toEqual(['x/y', 'ssh-user/1']);
  });

  test('that is a mark of somebody else; its tag is known, to replace it', async () => {
    const marks = stored.marks.map((mark) => ({ ...mark, highest: mark.highest + 1 }));
    const { marks: found, ignored, markTags } = await openAll({ marks });
    expect(found).toEqual([]);
    expect(ignored).toEqual(marks.map(({ owner }) => `${owner}/highest`));
    expect(markTags.size).toBe(4);
    const untagged = stored.marks.map(({ etag: _, ...mark }) => mark);
    expect((await openAll({ marks: untagged })).markTags.size).toBe(0);
  });

  test('that is a data key which custody did not wrap; the one before it counts', async () => {
    const forged = { ...opened.dataRow, sequence: 2 };
    const found = await openAll({ keys: [...stored.keys, forged] });
    expect(found.dataRow).toEqual(opened.dataRow);
    expect(found.ignored).toEqual(['data/2']);
  });

  test.each(['encrypt', 'authenticate'] as const)(
    'that is a data key under another one, to %s: custody alone says which are ours',
    async (purpose) => {
      const more = { owner: 'data', purpose, sequence: 9 };
      const forged = under(opened.dataKey, row('probe', 1), more);
      const found = await openAll({ keys: [...stored.keys, forged] });
      expect(namesOf(found.keys)).toEqual(ALL);
      expect(found.ignored).toEqual(['data/9']);
    },
  );

  test('that the data key sealed, and that does not fit together', async () => {
    const odd = under(opened.dataKey, row('ssh-user', 1), {
      sequence: 9,
      publicKey: row('ssh-host', 1).publicKey,
    });
    const found = await openAll({ keys: [...stored.keys, odd] });
    expect(namesOf(found.keys)).toEqual(ALL);
    expect(found.ignored).toEqual(['ssh-user/9']);
  });

  test('that is no data key, whatever custody says of it', async () => {
    const custody: Custody = { ...parts.custody, unwrapDataKey: async () => opened.dataKey };
    const found = await open({}, NOON, { custody });
    expect(found?.dataRow).toEqual(opened.dataRow);
    expect(namesOf(found?.keys)).toEqual(ALL);
  });

  test('that is a data key before the newest, whatever the order', async () => {
    const second = await dataRow(NEW_KEY, { sequence: 2 });
    for (const keys of [
      [second, ...stored.keys],
      [...stored.keys, second],
    ]) {
      const found = await openAll({ keys });
      expect(found.dataKey).toEqual(NEW_KEY);
      expect(found.dataRow).toBe(second);
      expect(found.ignored).toContain('data/1');
      expect(found.keys).toEqual([]);
    }
  });
});

test('no older data key takes the place of one of which custody can not say whether it is genuine', async () => {
  const second = await dataRow(NEW_KEY, { sequence: 2 });
  const custody: Custody = {
    ...parts.custody,
    unwrapDataKey: async (wrapped, about) => {
      if (wrapped === second.sealed) throw new Error('down');
      return parts.custody.unwrapDataKey(wrapped, about);
    },
  };
  const keys = [...stored.keys, second];
  await expect(open({ keys }, NOON, { custody })).rejects.toThrow('down');
});

describe('a data key that took over from the one before', () => {
  const UNTIL = NOON.getTime() / 1000 + 100;
  const successor = (more = {}) =>
    dataRow(NEW_KEY, {
      sequence: 2,
      takenOver: {
        from: 1,
        row: hashOf(opened.dataRow),
        until: UNTIL,
        logKeys: Buffer.of(),
        ...more,
      },
    });

  test('opens what that one encrypted, which is stale then, until its time is over', async () => {
    const anew = under(NEW_KEY, row('probe', 1));
    const mark = { ...sealMark(NEW_KEY, { owner: 'tls', highest: 2 }), etag: 'x' };
    const marks = stored.marks.map((one) => (one.owner === 'tls' ? mark : one));
    const others = stored.keys.filter(({ owner }) => owner !== 'probe');
    const keys = [...others, anew, await successor()];
    const during = await openAll({ keys, marks }, later(99.999));
    expect(during.earlierRow).toEqual(opened.dataRow);
    expect(namesOf(during.keys)).toEqual(ALL);
    expect(namesOf(during.stale)).toEqual(ALL.filter((name) => name !== 'probe/1'));
    expect(during.staleMarks.toSorted()).toEqual(['probe', 'ssh-host', 'ssh-user']);
    expect(during.marks).toHaveLength(4);
    expect(during.ignored).toEqual([]);
    const odd = under(opened.dataKey, row('ssh-user', 1), {
      sequence: 9,
      publicKey: row('ssh-host', 1).publicKey,
    });
    const beside = await openAll({ keys: [...keys, odd], marks }, later(99.999));
    expect(namesOf(beside.stale)).toEqual(namesOf(during.stale));
    expect(beside.ignored).toEqual(['ssh-user/9']);
    const after = await openAll({ keys, marks }, later(100));
    expect(after.earlierRow).toBeUndefined();
    expect(namesOf(after.keys)).toEqual(['probe/1']);
    expect(after.marks).toEqual([mark]);
    expect(after.ignored).toContain('data/1');
  });

  test.each<[string, object]>([
    ['another number', { from: 3 }],
    ['another row', { row: 'ab'.repeat(32) }],
  ])('opens nothing of one with %s', async (_, more) => {
    const found = await openAll({ keys: [...stored.keys, await successor(more)] });
    expect(found.earlierRow).toBeUndefined();
    expect(found.keys).toEqual([]);
    expect(found.ignored).toEqual(expect.arrayContaining(['data/1', ...ALL]));
  });

  test('opens nothing where that one does not open, or is gone', async () => {
    const second = await successor();
    const custody: Custody = {
      ...parts.custody,
      unwrapDataKey: async (wrapped, about) =>
        wrapped === second.sealed ? parts.custody.unwrapDataKey(wrapped, about) : undefined,
    };
    const closed = await open({ keys: [...stored.keys, second] }, NOON, { custody });
    expect(closed).toMatchObject({ earlierRow: undefined, keys: [] });
    const gone = await openAll({ keys: [...opened.keys, second] });
    expect(gone).toMatchObject({ earlierRow: undefined, keys: [] });
  });
});

describe('a key', () => {
  const endsFirst = { sequence: 2, ended: [{ sequence: 1, at: 1 }] };

  test('that a successor put an end to counts for nothing, of the same owner only', async () => {
    const successor = under(opened.dataKey, row('ssh-user', 1), endsFirst);
    const found = await openAll({ keys: [...stored.keys, successor] });
    expect(namesOf(found.ended)).toEqual(['ssh-user/1']);
    expect(namesOf(found.keys)).toEqual(
      ALL.map((name) => (name === 'ssh-user/1' ? 'ssh-user/2' : name)),
    );
    expect(found.ignored).toEqual([]);
  });

  test('that issues counts for nothing where its root is gone', async () => {
    const keys = stored.keys.filter(({ owner, sequence }) => owner !== 'tls' || sequence !== 1);
    const { keys: alive, orphans } = await openAll({ keys });
    expect(namesOf(orphans)).toEqual(['tls/2']);
    expect(namesOf(alive)).toEqual(ALL.filter((name) => !name.startsWith('tls')));
  });

  test('that issues is under the root that signed its certificate', () => {
    const issuing = row('tls', 2);
    const root = row('tls', 1);
    const other = { ...root, publicKey: row('ssh-user', 1).publicKey };
    const ecdsa = { ...root, publicKey: issuing.publicKey };
    expect(rootOf(issuing, [ecdsa, root])).toBe(root);
    expect(rootOf(issuing, [ecdsa])).toBeUndefined();
    expect(
      rootOf(issuing, [
        { ...root, purpose: 'issuing' },
        { ...other, purpose: 'sign' },
      ]),
    ).toBeUndefined();
  });
});

test('a row is named by the SHA-256 of what is sealed, a data key by its cluster and all that it says', () => {
  const key = described('data/encrypt', 1);
  const sealed = Buffer.from('sealed');
  expect(hashOf({ ...key, sealed })).toBe(createHash('sha256').update(sealed).digest('hex'));
  expect(describeDataKey(key, 'c')).toBe(JSON.stringify(['c', describeKey(key)]));
});

describe('data keys that were unwrapped', () => {
  function remembering() {
    const asked: string[] = [];
    const custody = rememberKeys({
      ...parts.custody,
      unwrapDataKey: async (wrapped, about) => {
        asked.push(`${Buffer.from(wrapped)} ${about}`);
        return about === 'forged' ? undefined : Buffer.from(`${Buffer.from(wrapped)} ${about}`);
      },
    });
    const unwrap = async (wrapped: string, about = 'a') => {
      const dataKey = await custody.unwrapDataKey(Buffer.from(wrapped), about);
      return dataKey && Buffer.from(dataKey).toString();
    };
    return { asked, custody, unwrap };
  }

  test('are unwrapped once, each for what it was wrapped with', async () => {
    const { asked, unwrap } = remembering();
    for (const about of ['a', 'b', 'a', 'b']) expect(await unwrap('1', about)).toBe(`1 ${about}`);
    expect(await unwrap('2')).toBe('2 a');
    expect(asked).toEqual(['1 a', '1 b', '2 a']);
  });

  test('are four at most; the oldest is asked for again', async () => {
    const { asked, unwrap } = remembering();
    for (const wrapped of ['1', '2', '3', '4', '1', '2', '3', '4']) await unwrap(wrapped);
    expect(asked).toHaveLength(4);
    await unwrap('5');
    for (const wrapped of ['2', '3', '4', '5']) await unwrap(wrapped);
    expect(asked).toHaveLength(5);
    await unwrap('1');
    expect(asked).toHaveLength(6);
  });

  test('are not forgotten where others are asked for again, or do not open', async () => {
    const { asked, unwrap } = remembering();
    for (const wrapped of ['1', '2', '3', '4', '2', '1']) await unwrap(wrapped);
    expect(asked).toHaveLength(4);
    for (const wrapped of ['5', '6', '7', '8', '9']) await unwrap(wrapped, 'forged');
    for (const wrapped of ['1', '2', '3', '4']) await unwrap(wrapped);
    expect(asked).toHaveLength(4 + 5);
  });

  test('are remembered, and so are the roots that custody knows', async () => {
    const asked: string[] = [];
    const custody = rememberKeys({
      ...parts.custody,
      publicKeyOfRoot: async (handle) => {
        const name = Buffer.from(handle).toString();
        asked.push(name);
        return name === 'unknown' ? undefined : Buffer.from(`key of ${name}`);
      },
    });
    const publicKeyOf = async (name: string) => custody.publicKeyOfRoot(Buffer.from(name));
    for (const name of ['1', '2', '1', '2'])
      expect(await publicKeyOf(name)).toEqual(Buffer.from(`key of ${name}`));
    for (let i = 0; i < 2; i += 1) expect(await publicKeyOf('unknown')).toBeUndefined();
    expect(asked).toEqual(['1', '2', 'unknown', 'unknown']);
  });

  test('are not remembered where they do not open', async () => {
    const { asked, unwrap, custody } = remembering();
    for (let i = 0; i < 2; i += 1) expect(await unwrap('1', 'forged')).toBeUndefined();
    expect(asked).toHaveLength(2);
    expect(custody.rememberedRoot).toBe(parts.custody.rememberedRoot);
  });
});
