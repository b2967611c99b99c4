import { describe, expect, test } from 'vitest';
import { backUpKeys } from '../../../shared/authority/backup-keys.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { createKeyStore, readRows } from '../../../shared/authority/key-store.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import { caPin } from '../../../shared/authority/trust-bundle.ts';
import type { Row, Table } from '../../../shared/storage/table.ts';
import { authoritiesAt, createScene, later, NOON, putRow, takeRow } from './rotation-parts.ts';

const namesOf = (rows: readonly Row[]): string[] =>
  rows.map(({ partition, key }) => `${partition}/${key}`);
const stored = async (table: Table): Promise<readonly Row[]> =>
  (await table.list({})).map(({ etag: _, ...row }) => row);
const sorted = (rows: readonly Row[]): Row[] =>
  rows.toSorted((a, b) => (`${a.partition}/${a.key}` < `${b.partition}/${b.key}` ? -1 : 1));

test('is every row as it is stored, the data key first, and the pins of its roots', async () => {
  const { table, parts } = await createScene();
  const backup = await backUpKeys(parts, NOON);
  expect(namesOf(backup.rows)[0]).toBe('data/000000001');
  expect(sorted(backup.rows)).toEqual(sorted(await stored(table)));
  const { roots } = await authoritiesAt(parts, NOON);
  expect(backup.ca_pins).toEqual(roots.map(({ publicKeyInfo }) => caPin(publicKeyInfo)));
});

test('names the pins of all roots, and of nothing else', async () => {
  const { parts } = await createScene();
  await replaceAuthority(parts, 'tls', { leaked: false, numbers: [1] }, later(60));
  const { roots } = await authoritiesAt(parts, later(60));
  expect((await backUpKeys(parts, later(60))).ca_pins).toEqual(
    roots.map(({ publicKeyInfo }) => caPin(publicKeyInfo)),
  );
  expect(roots).toHaveLength(2);
});

test('has no row that is not genuine, and none that a successor ended', async () => {
  const { table, parts } = await createScene();
  const old = await table.read('ssh-user', '000000001');
  await replaceAuthority(parts, 'ssh-user', { leaked: true, numbers: [1] }, later(60));
  if (old) await table.apply([{ kind: 'insert', row: old }]);
  await putRow(table, { partition: 'tls', key: '000000009', values: { purpose: 'root' } });
  const saved = namesOf((await backUpKeys(parts, later(61))).rows);
  expect(saved).not.toContain('tls/000000009');
  expect(saved).not.toContain('ssh-user/000000001');
  expect(saved).toContain('ssh-user/000000002');
  expect(saved.filter((name) => name.endsWith('highest'))).toHaveLength(4);
});

describe('in the middle of a handover to another data key', () => {
  test('everything in it opens with the newest data key alone', async () => {
    const { table, parts } = await createScene();
    let writes = 0;
    const stopping: Table = {
      ...table,
      apply(operations) {
        writes += 1;
        return writes > 4 ? Promise.reject(new Error('stopped')) : table.apply(operations);
      },
    };
    const early = { leaked: false, numbers: [1] };
    const run = replaceAuthority(
      { ...parts, store: createKeyStore(stopping) },
      'data',
      early,
      NOON,
    );
    await expect(run).rejects.toThrow('stopped');

    const { rows } = await backUpKeys(parts, NOON);
    expect(namesOf(rows)).not.toContain('data/000000001');
    const read = readRows(rows.map((row) => ({ ...row, etag: '' })));
    const opened = await openGenuineKeys(read, parts, NOON);
    expect(opened).toMatchObject({ stale: [], staleMarks: [], ignored: [] });
    const before = await openGenuineKeys(await parts.store.list(), parts, NOON);
    expect(before?.stale.length).toBeGreaterThan(0);
    expect(before?.staleMarks.length).toBeGreaterThan(0);
    expect(opened?.keys.map(({ secret }) => secret)).toEqual(
      before?.keys.map(({ secret }) => secret),
    );
    expect(opened?.marks).toHaveLength(before?.marks.length ?? 0);
  });
});

describe('is not made', () => {
  test.each([
    ['ssh-host', '000000001', 'ssh-host (sign)'],
    ['tls', '000000001', 'tls (root)'],
    ['data', '000000001', 'data (encrypt)'],
  ])(
    'while a key of %s is lost: it would take the place of a good one',
    async (owner, key, name) => {
      const { table, parts } = await createScene();
      await takeRow(table, owner, key);
      await expect(backUpKeys(parts, NOON)).rejects.toMatchObject({
        code: 'unavailable',
        message: `no backup is made while keys are missing: ${name} (joinctl auth status)`,
      });
    },
  );
});
