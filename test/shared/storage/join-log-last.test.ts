import { expect, test } from 'vitest';
import { deriveLogKey } from '../../../shared/authority/log-key.ts';
import { writeLast } from '../../../shared/storage/join-log-last.ts';
import { checkSeal } from '../../../shared/storage/join-log-seal.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const KEY = deriveLogKey(new Uint8Array(32));
const last = (key: string) => ({ partition: '20261120T1200-0', key, mac: `mac of ${key}` });

test('where a writer is takes the place of where it was, sealed, with no row before it', async () => {
  const table = createMemoryTable();
  const parts = { table, key: async () => KEY };
  await writeLast(parts, 'writer', last('one'), NOON);
  await writeLast(parts, 'writer', last('two'), new Date(NOON.getTime() + 600_999));
  await writeLast(parts, 'other', last('three'), NOON);
  const rows = await table.list({});
  expect(rows.map(({ partition, key }) => `${partition}/${key}`)).toEqual([
    'writers/other',
    'writers/writer',
  ]);
  const [, row] = rows;
  expect(JSON.parse(String(row?.values['json']))).toEqual({
    time: '2026-11-20T12:10:00Z',
    last: last('two'),
  });
  expect(row && checkSeal(row, KEY)).toMatchObject({ ok: true, previous: undefined });
});
