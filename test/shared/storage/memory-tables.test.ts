import { expect, test } from 'vitest';
import { createMemoryTables } from '../../../shared/storage/memory-tables.ts';
import { describeTable } from './described-table.ts';

const { resources } = createMemoryTables();
describeTable('in memory', () => resources);

test('no two tables share a row', async () => {
  const tables = createMemoryTables();
  const row = { partition: 'p', key: 'k', values: {} };
  await tables.resources.apply([{ kind: 'insert', row }]);
  for (const [name, table] of Object.entries(tables))
    expect(await table.list({})).toHaveLength(name === 'resources' ? 1 : 0);
});

test('a list is in the order of partitions and keys, whatever was written first', async () => {
  const { joins } = createMemoryTables();
  const ids = ['b/b', 'a/c', 'b/a', 'c/a', 'a/a', 'a/b'];
  for (const id of ids) {
    const [partition = '', key = ''] = id.split('/');
    await joins.apply([{ kind: 'insert', row: { partition, key, values: {} } }]);
  }
  const listed = (await joins.list({})).map(({ partition, key }) => `${partition}/${key}`);
  expect(listed).toEqual(ids.toSorted());
});
