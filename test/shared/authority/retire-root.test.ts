import { describe, expect, test } from 'vitest';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { rowOf } from '../../../shared/authority/key-store.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import { retireRoot } from '../../../shared/authority/retire-root.ts';
import { sealKey } from '../../../shared/authority/sealing.ts';
import type { EndedKey, SealedKey } from '../../../shared/authority/signing-key.ts';
import { createMemoryCustody } from '../../broker/memory-custody.ts';
import { createScene, later, NOON, takeRow } from './rotation-parts.ts';

const noon = NOON.getTime() / 1000;
/** When the issuing key under the old root is over. */
const OVER = 14 * 86_400;

/** A root, and its successor, which signs 100 seconds later. */
async function succeeded(ended?: readonly EndedKey[]) {
  const { table, parts } = await createScene();
  const genuine = await openGenuineKeys(await parts.store.list(), parts, NOON);
  const root = genuine?.keys.find(({ purpose }) => purpose === 'root');
  if (!genuine || !root) throw new Error('no root');
  const { secret, sealed: _, ...description } = root;
  const cross = { by: 1, certificate: root.certificate };
  const successor = {
    ...description,
    sequence: 3,
    starts: noon + 100,
    cross,
    ...(ended && { ended }),
  };
  const row = rowOf(sealKey(genuine.dataKey, successor, secret));
  await table.apply([{ kind: 'insert', row }]);
  const rootRows = async (): Promise<readonly SealedKey[]> =>
    (await parts.store.list()).keys.filter(({ purpose }) => purpose === 'root');
  return { table, parts, rootRows };
}

test.each<[string, readonly EndedKey[] | undefined]>([
  ['alone', undefined],
  ['beside those that retired before', [{ sequence: 9, at: 5 }]],
])('a root retires once nothing lives under it: its successor says so, %s', async (_, before) => {
  const { parts, rootRows } = await succeeded(before);
  // A key of somebody else's has the successor's number, too.
  for (const number of [1, 2])
    await replaceAuthority(parts, 'probe', { leaked: true, numbers: [number] }, NOON);
  const at = later(OVER);
  const { done } = await retireRoot(parts, [1, 3], at);
  expect(done).toContainEqual({ kind: 'remove', owner: 'tls', sequence: 1 });
  const [successor, ...others] = await rootRows();
  expect(others).toEqual([]);
  expect(successor?.sequence).toBe(3);
  expect(successor?.ended).toEqual([...(before ?? []), { sequence: 1, at: noon + OVER }]);
  const genuine = await openGenuineKeys(await parts.store.list(), parts, at);
  expect(genuine?.ignored).toEqual([]);
  expect(genuine?.keys.filter(({ purpose }) => purpose === 'root')).toHaveLength(1);
});

describe('a root does not retire', () => {
  test.each<[string, readonly number[], number, object]>([
    ['before its successor signs', [1, 3], 99, { code: 'not_found' }],
    [
      'while certificates under it may live',
      [1, 3],
      100,
      { code: 'in_use', message: expect.stringContaining('until 2026-12-04T12:00:00Z') },
    ],
    ['a second before that is over', [1, 3], OVER - 1, { code: 'in_use' }],
    [
      'where other roots were seen',
      [1],
      OVER,
      { code: 'precondition_failed', message: expect.stringContaining('the keys of tls are') },
    ],
    ['where none was seen', [], OVER, { code: 'precondition_failed' }],
  ])('%s', async (_, numbers, seconds, refusal) => {
    const { parts, rootRows } = await succeeded();
    await expect(retireRoot(parts, numbers, later(seconds))).rejects.toMatchObject(refusal);
    expect((await rootRows()).map(({ sequence, ended }) => [sequence, ended])).toEqual([
      [1, undefined],
      [3, undefined],
    ]);
  });

  test('where somebody else is faster', async () => {
    const { parts } = await succeeded();
    const slow = { ...parts, store: { ...parts.store, replace: async () => false } };
    await expect(retireRoot(slow, [1, 3], later(OVER))).rejects.toMatchObject({
      code: 'try_again',
    });
  });

  test('where no root signs, or none opens', async () => {
    const { parts, table } = await succeeded();
    const closed = { ...parts, custody: createMemoryCustody() };
    await expect(retireRoot(closed, [], later(OVER))).rejects.toMatchObject({
      code: 'unavailable',
    });
    for (const key of ['000000001', '000000003']) await takeRow(table, 'tls', key);
    await expect(retireRoot(parts, [], later(OVER))).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('that is over: it is not among those that are seen', async () => {
    const { parts } = await succeeded();
    const end = 10 * 365 * 86_400;
    await expect(retireRoot(parts, [1, 3], later(end))).rejects.toMatchObject({
      code: 'precondition_failed',
    });
    await expect(retireRoot(parts, [], later(end))).rejects.toMatchObject({ code: 'unavailable' });
  });
});
